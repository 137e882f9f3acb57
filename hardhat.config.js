// For Hardhat 3 with Node 22. The compiler is the npm package that package-lock.json pins: nothing is downloaded.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { version, settings } = JSON.parse(readFileSync(new URL("contracts/compiler.json", import.meta.url), "utf8"));
const path = createRequire(import.meta.url).resolve("solc/soljson.js");

export default {
  paths: {
    sources: "./contracts",
    tests: { solidity: "./tests/contracts" },
    artifacts: "./.cache/hardhat/artifacts",
    cache: "./.cache/hardhat/cache",
  },
  solidity: { compilers: [{ version, path, settings }] },
};
