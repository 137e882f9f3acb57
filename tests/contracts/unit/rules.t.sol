// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract RulesTest is ExperimentTest {
    function test_TheRulesAreThoseOfTheDeployment() public {
        IExperiment.Rules memory rules = IExperiment.Rules(1, 22, 3, 4, 5, 6, 7, 8, true, false);
        deploy(rules);
        assertEq(abi.encode(experiment.rules()), abi.encode(rules), "rules");
    }
}
