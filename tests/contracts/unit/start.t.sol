// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract StartTest is ExperimentTest {
    function setUp() public {
        deploy(usualRules());
        enrol(3);
    }

    function reverts(address caller, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.start();
    }

    function test_StartingWhileARoundIsProposedForReverts() public {
        start();
        reverts(ORGANIZER, abi.encodeWithSelector(IExperiment.NotJoining.selector, IExperiment.Phase.Proposing));
    }

    function test_StartingWhileARoundIsVotedOnReverts() public {
        start();
        propose(1);
        reverts(ORGANIZER, abi.encodeWithSelector(IExperiment.NotJoining.selector, IExperiment.Phase.Voting));
    }

    function test_StartingAFinishedExperimentReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 1;
        openWith(3, rules);
        lapse(1);
        reverts(ORGANIZER, abi.encodeWithSelector(IExperiment.NotJoining.selector, IExperiment.Phase.Finished));
    }

    function test_AStrangersStartAtTheStartDeadlineReverts() public {
        vm.warp(DEPLOYED_AT + 1 days);
        reverts(STRANGER, abi.encodeWithSelector(IExperiment.StartReserved.selector, STRANGER, DEPLOYED_AT + 1 days));
    }

    function test_AStrangersStartASecondAfterTheStartDeadlineOpensTheRound() public {
        vm.warp(DEPLOYED_AT + 1 days + 1);
        vm.prank(STRANGER);
        experiment.start();
        assertPhase(IExperiment.Phase.Proposing);
    }

    function test_AStrangersStartOpensTheRoundOnceTheRoleIsGivenUp() public {
        vm.prank(ORGANIZER);
        experiment.renounceOrganizer();
        vm.prank(STRANGER);
        experiment.start();
        assertPhase(IExperiment.Phase.Proposing);
    }

    function test_StartingWithTooFewLearnersReverts() public {
        resign(learner(0));
        resign(learner(2));
        reverts(ORGANIZER, abi.encodeWithSelector(IExperiment.TooFewLearners.selector, 1, 2));
    }

    function test_StartingWithJustEnoughLearnersOpensTheRound() public {
        resign(learner(2));
        start();
        assertEq(experiment.round(1).electorate, 3, "electorate");
    }

    function test_TheFirstProposerIsOnTheLowestSeat() public {
        resign(learner(0));
        vm.expectEmit(address(experiment));
        emit IExperiment.RoundOpened(1, 6, 1, DEPLOYED_AT + 600);
        start();
        IExperiment.RoundView memory view_ = experiment.round(1);
        assertEq(view_.proposer, 1, "proposer");
        assertEq(view_.electorate, 6, "electorate");
        assertEq(view_.time, DEPLOYED_AT + 600, "deadline");
        assertEq(view_.digest, 0, "digest");
        assertEq(current(), 1, "number");
    }

    function test_AfterAPauseTheProposerIsTheNextOneAfterTheLast() public {
        start();
        resign(learner(1));
        resign(learner(2));
        lapse(1); // proposer: seat 0
        enrol(learner(3)); // on seat 1
        start();
        assertEq(current(), 2, "number");
        assertEq(experiment.round(2).proposer, 1, "proposer");
    }

    function test_TheHighestSeatHasItsTurnAndThenTheLowest() public {
        deploy(usualRules());
        enrol(64);
        for (uint256 i = 0; i < 63; ++i) {
            resign(learner(i));
        }
        enrol(learner(64)); // on seat 0
        start();
        assertEq(experiment.round(1).proposer, 0, "round 1");
        passTurn(1);
        assertEq(experiment.round(2).proposer, 63, "round 2");
        passTurn(2);
        assertEq(experiment.round(3).proposer, 0, "round 3");
    }
}
