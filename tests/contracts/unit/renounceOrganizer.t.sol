// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract RenounceOrganizerTest is ExperimentTest {
    function setUp() public {
        deploy(usualRules());
        enrol(3);
    }

    function renounce() private {
        vm.prank(ORGANIZER);
        experiment.renounceOrganizer();
    }

    function test_AStrangersRenunciationReverts() public {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IExperiment.NotOrganizer.selector, STRANGER));
        experiment.renounceOrganizer();
    }

    function test_NobodyIsOrganizerAfterwards() public {
        vm.expectEmit(address(experiment));
        emit IExperiment.OrganizerChanged(ORGANIZER, address(0));
        renounce();
        assertEq(experiment.organizer(), address(0), "organizer");
        vm.prank(ORGANIZER);
        vm.expectRevert(abi.encodeWithSelector(IExperiment.NotOrganizer.selector, ORGANIZER));
        experiment.remove(learner(0));
    }

    function test_AnyoneStartsAfterTheStartDeadlineAllTheSame() public {
        renounce();
        vm.warp(DEPLOYED_AT + 1 days + 1);
        vm.prank(STRANGER);
        experiment.start();
        assertPhase(IExperiment.Phase.Proposing);
    }

    function test_TheInvitedCanStillJoin() public {
        invite(learner(3));
        renounce();
        join(learner(3));
        assertEq(seatOf(learner(3)), 3, "seat");
    }
}
