// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ExperimentTest} from "../ExperimentTest.sol";

contract FirstOrganizerTest is ExperimentTest {
    function test_TheFirstOrganizerIsWhoDeployedWhateverHappensToTheRole() public {
        deploy(usualRules());
        assertEq(experiment.firstOrganizer(), ORGANIZER, "at first");
        vm.prank(ORGANIZER);
        experiment.renounceOrganizer();
        assertEq(experiment.firstOrganizer(), ORGANIZER, "afterwards");
    }
}
