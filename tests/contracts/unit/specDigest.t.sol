// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ExperimentTest} from "../ExperimentTest.sol";

contract SpecDigestTest is ExperimentTest {
    function test_TheSpecDigestIsThatOfTheDeployment() public {
        deploy(usualRules());
        assertEq(experiment.specDigest(), SPEC, "spec digest");
    }
}
