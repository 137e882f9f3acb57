// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ExperimentTest} from "../ExperimentTest.sol";

contract OrganizerTest is ExperimentTest {
    function setUp() public {
        deploy(usualRules());
    }

    function test_TheOrganizerIsWhoDeployed() public view {
        assertEq(experiment.organizer(), ORGANIZER, "organizer");
    }

    function test_TheOrganizerIsWhoTookTheRoleOver() public {
        vm.prank(ORGANIZER);
        experiment.transferOrganizer(STRANGER);
        assertEq(experiment.organizer(), STRANGER, "organizer");
    }
}
