// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract TransferOrganizerTest is ExperimentTest {
    function setUp() public {
        deploy(usualRules());
    }

    function test_AStrangersTransferReverts() public {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IExperiment.NotOrganizer.selector, STRANGER));
        experiment.transferOrganizer(STRANGER);
    }

    function test_ATransferToTheZeroAddressReverts() public {
        vm.prank(ORGANIZER);
        vm.expectRevert(abi.encodeWithSelector(IExperiment.ZeroAddress.selector));
        experiment.transferOrganizer(address(0));
    }

    function test_TheNewOrganizerHasTheRoleAndTheOldOneHasNot() public {
        vm.expectEmit(address(experiment));
        emit IExperiment.OrganizerChanged(ORGANIZER, STRANGER);
        vm.prank(ORGANIZER);
        experiment.transferOrganizer(STRANGER);
        assertEq(experiment.organizer(), STRANGER, "organizer");
        address[] memory list = new address[](1);
        list[0] = learner(0);
        vm.prank(ORGANIZER);
        vm.expectRevert(abi.encodeWithSelector(IExperiment.NotOrganizer.selector, ORGANIZER));
        experiment.invite(list);
        vm.prank(STRANGER);
        experiment.invite(list);
    }

    function test_TheFirstOrganizerStaysOnRecord() public {
        vm.prank(ORGANIZER);
        experiment.transferOrganizer(STRANGER);
        assertEq(experiment.firstOrganizer(), ORGANIZER, "first organizer");
    }
}
