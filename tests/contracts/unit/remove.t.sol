// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract RemoveTest is ExperimentTest {
    function setUp() public {
        openWith(4);
    }

    function reverts(address caller, address someone, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.remove(someone);
    }

    function test_AStrangersRemovalReverts() public {
        reverts(STRANGER, learner(0), abi.encodeWithSelector(IExperiment.NotOrganizer.selector, STRANGER));
    }

    function test_RemovingAStrangerReverts() public {
        reverts(ORGANIZER, STRANGER, abi.encodeWithSelector(IExperiment.NotActive.selector, STRANGER, 0));
    }

    function test_RemovingTwiceReverts() public {
        remove(learner(1));
        reverts(ORGANIZER, learner(1), abi.encodeWithSelector(IExperiment.NotActive.selector, learner(1), 2));
    }

    function test_RemovingAnInvitedTakesItsInvitationAlone() public {
        invite(STRANGER);
        vm.expectEmit(address(experiment));
        emit IExperiment.InvitationWithdrawn(STRANGER);
        vm.recordLogs();
        remove(STRANGER);
        assertEq(vm.getRecordedLogs().length, 1, "events");
        assertTrue(!experiment.snapshot(STRANGER).invited, "invited");
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IExperiment.NotInvited.selector, STRANGER));
        experiment.join(NO_KEY);
    }

    function test_RemovingOneThatResignedTakesItsInvitationAndLeavesItsEnd() public {
        resign(learner(1));
        remove(learner(1));
        assertEq(lastRoundOf(learner(1)), 1, "last round");
        assertTrue(!experiment.snapshot(learner(1)).invited, "invited");
    }

    function test_RemovalEndsWithTheRoundAfterTheOpenOne() public {
        vm.expectEmit(address(experiment));
        emit IExperiment.InvitationWithdrawn(learner(1));
        vm.expectEmit(address(experiment));
        emit IExperiment.MembershipEnded(learner(1), 1, 2);
        remove(learner(1));
        assertEq(lastRoundOf(learner(1)), 2, "last round of the address");
        assertEq(experiment.memberships(1, 1)[0].lastRound, 2, "last round of the membership");
        assertEq(experiment.snapshot(learner(1)).departing, 1 << 1, "departing");
        lapse(1);
        assertEq(experiment.round(2).electorate, 15, "a round of notice");
        lapse(2);
        assertEq(experiment.round(3).electorate, 13, "gone");
    }

    function test_RemovingANewcomerInItsRoundOfNoticeEndsItsMembershipBeforeItBegan() public {
        enrol(learner(4));
        remove(learner(4));
        assertEq(experiment.snapshot(learner(4)).firstRound, 3, "first round");
        assertEq(lastRoundOf(learner(4)), 1, "last round");
        lapse(1);
        lapse(2);
        assertEq(experiment.round(3).electorate, 15, "electorate");
    }

    function test_ARemovedNewcomersSeatIsFreeAtOnce() public {
        enrol(learner(4));
        uint8 seat = experiment.snapshot(learner(4)).seat;
        remove(learner(4));
        enrol(learner(5));
        assertEq(experiment.snapshot(learner(5)).seat, seat, "seat");
        lapse(1);
        lapse(2);
        assertEq(experiment.round(3).electorate, 15 | (1 << seat), "electorate");
    }

    function test_RemovalBeforeTheFirstRoundIsAtOnce() public {
        deploy(usualRules());
        enrol(3);
        remove(learner(1));
        assertEq(lastRoundOf(learner(1)), 0, "last round");
        start();
        assertEq(experiment.round(1).electorate, 5, "electorate");
    }

    function test_RemovalInAPauseIsAtOnceAndShortensWhatWasAnnounced() public {
        remove(learner(1)); // would end with round 2
        resign(learner(2));
        resign(learner(3));
        resign(learner(0));
        lapse(1);
        assertPhase(IExperiment.Phase.Joining);
        assertEq(experiment.snapshot(address(0)).active, 2, "still announced for round 2");
        invite(learner(1));
        remove(learner(1));
        assertEq(lastRoundOf(learner(1)), 1, "last round");
        assertEq(experiment.snapshot(address(0)).active, 0, "active");
        assertEq(experiment.snapshot(address(0)).departing, 0, "departing");
    }
}
