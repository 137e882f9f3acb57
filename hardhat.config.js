// For Hardhat 3 with Node 22. The compiler is the npm package that package-lock.json pins: nothing is downloaded.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";

const { version, settings } = JSON.parse(readFileSync(new URL("contracts/compiler.json", import.meta.url), "utf8"));
const path = createRequire(import.meta.url).resolve("solc/soljson.js");

// The tests are compiled the quick way; what they deploy is what the settings above made of the contract.
const quick = { version, path, settings: { ...settings, viaIR: false, optimizer: { enabled: false } } };
const tests = readdirSync(new URL("tests/contracts", import.meta.url), { recursive: true })
  .filter((file) => file.endsWith(".sol") && !file.startsWith("symbolic/")) // the proofs are for halmos
  .map((file) => [`tests/contracts/${file}`, quick]);

export default {
  paths: {
    sources: "./contracts",
    tests: { solidity: "./tests/contracts" },
    artifacts: "./.cache/hardhat/artifacts",
    cache: "./.cache/hardhat/cache",
  },
  solidity: { compilers: [{ version, path, settings }], overrides: Object.fromEntries(tests) },
  test: {
    solidity: {
      fuzz: { runs: 64, seed: "0x4444" },
      invariant: { runs: 16, depth: 64, failOnRevert: true },
    },
  },
};
