// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract AdvanceTest is ExperimentTest {
    function setUp() public {
        openWith(4);
    }

    function reverts(uint256 number, bytes memory expected) private {
        vm.expectRevert(expected);
        experiment.advance(number);
    }

    function test_AdvancingARoundThatWasNeverOpenedReverts() public {
        reverts(2, abi.encodeWithSelector(IExperiment.NotOpen.selector, 2, Status.None));
    }

    function test_AdvancingAClosedRoundRevertsWithItsOutcome() public {
        lapse(1);
        reverts(1, abi.encodeWithSelector(IExperiment.NotOpen.selector, 1, Status.Skipped));
    }

    function test_AdvancingAtTheExactProposalDeadlineReverts() public {
        vm.warp(DEPLOYED_AT + 600);
        reverts(1, abi.encodeWithSelector(IExperiment.DeadlineNotPassed.selector, 1, DEPLOYED_AT + 600));
    }

    function test_AdvancingASecondAfterTheProposalDeadlineSkipsTheRound() public {
        vm.warp(DEPLOYED_AT + 601);
        uint256 closed =
            15 | (uint256(Status.Skipped) << 200) | (uint256(Closing.Deadline) << 208) | ((DEPLOYED_AT + 601) << 216);
        bytes32 hash = keccak256(abi.encode(experiment.historyHash(), 1, closed, bytes32(0)));
        vm.expectEmit(address(experiment));
        emit IExperiment.RoundClosed(1, Status.Skipped, Closing.Deadline, hash);
        vm.expectEmit(address(experiment));
        emit IExperiment.RoundOpened(2, 15, 1, DEPLOYED_AT + 1201);
        vm.prank(STRANGER);
        experiment.advance(1);
        assertEq(experiment.historyHash(), hash, "history hash");
    }

    function test_AdvancingAtTheExactVotingDeadlineReverts() public {
        propose(1);
        vm.warp(DEPLOYED_AT + 300);
        reverts(1, abi.encodeWithSelector(IExperiment.DeadlineNotPassed.selector, 1, DEPLOYED_AT + 300));
    }

    function test_AdvancingASecondAfterTheVotingDeadlineClosesByTheBallotsThatAreThere() public {
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        vm.warp(DEPLOYED_AT + 301);
        experiment.advance(1);
        assertClosed(1, Status.Accepted, Closing.Deadline);
        assertEq(experiment.snapshot(address(0)).accepted, 1, "accepted");
        assertEq(experiment.snapshot(address(0)).acceptedDigest, MODEL, "accepted digest");
    }

    function test_TheHistoryOfAVotedRoundHasItsDigest() public {
        propose(1);
        vm.warp(DEPLOYED_AT + 301);
        uint256 closed =
            15 | (uint256(Status.Rejected) << 200) | (uint256(Closing.Deadline) << 208) | ((DEPLOYED_AT + 301) << 216);
        bytes32 hash = keccak256(abi.encode(experiment.historyHash(), 1, closed, MODEL));
        experiment.advance(1);
        assertEq(experiment.historyHash(), hash, "history hash");
    }

    function test_SilenceIsNoApproval() public {
        propose(1);
        vote(1, learner(1), Ballot.Approve); // 1 of 3
        lapse(1);
        assertClosed(1, Status.Rejected, Closing.Deadline);
    }

    function test_VotingThatEndsWithoutABallotRejects() public {
        propose(1);
        lapse(1);
        assertClosed(1, Status.Rejected, Closing.Deadline);
        assertEq(experiment.snapshot(address(0)).accepted, 0, "accepted");
    }

    function test_TheProposersSeatIsAmongTheVotersWhereTheRuleSaysSo() public {
        IExperiment.Rules memory rules = usualRules();
        rules.countProposer = true;
        openWith(4, rules);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        lapse(1); // 2 of 4
        assertClosed(1, Status.Rejected, Closing.Deadline);
    }

    function test_TheLastRoundFinishesTheExperiment() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 2;
        openWith(2, rules);
        lapse(1);
        propose(2);
        vote(2, learner(0), Ballot.Approve);
        assertPhase(IExperiment.Phase.Finished);
        assertEq(current(), 2, "number");
        assertEq(experiment.snapshot(address(0)).accepted, 2, "accepted");
        assertEq(uint256(experiment.round(3).status), uint256(Status.None), "no third round");
    }

    function test_FinishingIsReportedAndComesBeforePausing() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 1;
        openWith(2, rules);
        resign(learner(0));
        resign(learner(1));
        vm.warp(DEPLOYED_AT + 601);
        vm.expectEmit(address(experiment));
        emit IExperiment.Finished(1);
        experiment.advance(1);
        assertPhase(IExperiment.Phase.Finished);
    }

    function test_WithTooFewLearnersLeftTheExperimentPauses() public {
        resign(learner(0));
        resign(learner(1));
        resign(learner(2));
        vm.warp(DEPLOYED_AT + 601);
        vm.expectEmit(address(experiment));
        emit IExperiment.Paused(1, 1);
        experiment.advance(1);
        assertPhase(IExperiment.Phase.Joining);
        assertEq(current(), 1, "number");
    }

    function test_AnAcceptedRoundBeforeAPauseIsRemembered() public {
        openWith(2);
        propose(1);
        resign(learner(0));
        vote(1, learner(1), Ballot.Approve);
        assertPhase(IExperiment.Phase.Joining);
        assertEq(experiment.snapshot(address(0)).accepted, 1, "accepted");
    }

    function test_JustEnoughLearnersGoOn() public {
        resign(learner(0));
        resign(learner(1));
        lapse(1);
        assertPhase(IExperiment.Phase.Proposing);
        assertEq(experiment.round(2).proposer, 2, "proposer");
    }
}
