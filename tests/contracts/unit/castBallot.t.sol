// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract CastBallotTest is ExperimentTest {
    function setUp() public {
        openWith(5);
        propose(1);
    }

    function reverts(address caller, uint256 number, bytes32 digest, uint8 ballot, bytes memory expected) private {
        bytes32 before = keccak256(abi.encode(experiment.snapshot(caller)));
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.castBallot(number, digest, ballot);
        assertEq(keccak256(abi.encode(experiment.snapshot(caller))), before, "nothing changes");
    }

    function test_ABallotOnARoundThatWasNeverOpenedReverts() public {
        reverts(learner(1), 2, MODEL, 1, abi.encodeWithSelector(IExperiment.NotVoting.selector, 2, Status.None));
    }

    function test_ABallotBeforeTheProposalReverts() public {
        openWith(3);
        reverts(learner(1), 1, MODEL, 1, abi.encodeWithSelector(IExperiment.NotVoting.selector, 1, Status.Proposing));
    }

    function test_ABallotOnAClosedRoundRevertsWithItsOutcome() public {
        lapse(1);
        reverts(learner(1), 1, MODEL, 1, abi.encodeWithSelector(IExperiment.NotVoting.selector, 1, Status.Rejected));
    }

    function test_ABallotASecondAfterTheDeadlineReverts() public {
        uint256 deadline = experiment.round(1).time;
        vm.warp(deadline + 1);
        reverts(learner(1), 1, MODEL, 1, abi.encodeWithSelector(IExperiment.DeadlinePassed.selector, 1, deadline));
    }

    function test_ABallotAtTheExactDeadlineCounts() public {
        vm.warp(experiment.round(1).time);
        vote(1, learner(1), Ballot.Approve);
        assertBallot(1, 1, Ballot.Approve);
    }

    function test_AStrangersBallotReverts() public {
        reverts(STRANGER, 1, MODEL, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_TheBallotOfAnInvitedWhoHasNotJoinedReverts() public {
        invite(STRANGER);
        reverts(STRANGER, 1, MODEL, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_ANewcomersBallotInItsRoundOfNoticeReverts() public {
        enrol(learner(5));
        reverts(learner(5), 1, MODEL, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(5), 1));
        lapse(1);
        propose(2);
        reverts(learner(5), 2, MODEL, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(5), 2));
        lapse(2);
        propose(3);
        vote(3, learner(5), Ballot.Approve);
        assertBallot(3, 5, Ballot.Approve);
    }

    function test_TheBallotOfAFormerHolderOfASeatThatAnotherHasNowReverts() public {
        resign(learner(1));
        lapse(1); // seat 1 is free from here on
        enrol(learner(5));
        lapse(2);
        lapse(3);
        assertEq(seatOf(learner(5)), 1, "the newcomer's seat");
        propose(4);
        reverts(learner(1), 4, MODEL, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(1), 4));
    }

    function test_ALearnerThatResignsKeepsItsBallotInTheOpenRound() public {
        resign(learner(1));
        vote(1, learner(1), Ballot.Reject);
        assertBallot(1, 1, Ballot.Reject);
    }

    function test_TheProposersBallotRevertsWhereItDoesNotCount() public {
        reverts(
            learner(0), 1, MODEL, 1, abi.encodeWithSelector(IExperiment.ProposerHasNoBallot.selector, learner(0), 1)
        );
    }

    function test_TheProposersBallotCountsWhereTheRuleSaysSo() public {
        IExperiment.Rules memory rules = usualRules();
        rules.countProposer = true;
        openWith(2, rules);
        propose(1);
        vote(1, learner(0), Ballot.Approve);
        assertBallot(1, 0, Ballot.Approve);
        vote(1, learner(1), Ballot.Approve);
        assertClosed(1, Status.Accepted, Closing.Complete);
    }

    function test_ABallotOnAnotherDigestReverts() public {
        bytes memory expected = abi.encodeWithSelector(IExperiment.DigestMismatch.selector, 1, OTHER_MODEL, MODEL);
        reverts(learner(1), 1, OTHER_MODEL, 1, expected);
    }

    function test_ABallotOnNoDigestReverts() public {
        reverts(learner(1), 1, 0, 1, abi.encodeWithSelector(IExperiment.DigestMismatch.selector, 1, 0, MODEL));
    }

    function test_BallotZeroReverts() public {
        reverts(learner(1), 1, MODEL, 0, abi.encodeWithSelector(IExperiment.InvalidBallot.selector, 0));
    }

    function test_BallotFourReverts() public {
        reverts(learner(1), 1, MODEL, 4, abi.encodeWithSelector(IExperiment.InvalidBallot.selector, 4));
    }

    function test_ASecondBallotReverts() public {
        vote(1, learner(1), Ballot.Unavailable);
        bytes memory expected =
            abi.encodeWithSelector(IExperiment.AlreadyVoted.selector, learner(1), 1, Ballot.Unavailable);
        reverts(learner(1), 1, MODEL, 1, expected);
        assertBallot(1, 1, Ballot.Unavailable);
    }

    function test_EachBallotIsRecordedOnItsSeatAlone() public {
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Reject);
        vote(1, learner(3), Ballot.Unavailable);
        IExperiment.RoundView memory view_ = experiment.round(1);
        assertEq(view_.approvals, 1 << 1, "approvals");
        assertEq(view_.rejections, 1 << 2, "rejections");
        assertEq(view_.unavailables, 1 << 3, "unavailables");
    }

    function test_ABallotIsReported() public {
        vm.expectEmit(address(experiment));
        emit IExperiment.Voted(1, learner(1), Ballot.Unavailable);
        vote(1, learner(1), Ballot.Unavailable);
    }

    function test_ARoundStaysOpenWhileABallotIsMissing() public {
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        vote(1, learner(3), Ballot.Approve);
        assertClosed(1, Status.Voting, Closing.None);
        assertEq(current(), 1, "round");
    }

    function test_TheLastBallotClosesTheRoundAndOpensTheNext() public {
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        vote(1, learner(3), Ballot.Reject);
        vm.warp(DEPLOYED_AT + 77);
        bytes32 hash = keccak256(abi.encode(experiment.historyHash(), 1, closedWord(), MODEL));
        vm.expectEmit(address(experiment));
        emit IExperiment.Voted(1, learner(4), Ballot.Approve);
        vm.expectEmit(address(experiment));
        emit IExperiment.RoundClosed(1, Status.Accepted, Closing.Complete, hash);
        vm.expectEmit(address(experiment));
        emit IExperiment.RoundOpened(2, 31, 1, DEPLOYED_AT + 77 + 600);
        vm.prank(learner(4));
        experiment.castBallot(1, MODEL, 1);
        assertEq(experiment.historyHash(), hash, "history hash");
        assertEq(experiment.round(1).time, DEPLOYED_AT + 77, "when it closed");
        assertEq(experiment.snapshot(address(0)).accepted, 1, "accepted");
    }

    function test_ApprovalsJustBelowTheThresholdReject() public {
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        vote(1, learner(3), Ballot.Reject);
        vote(1, learner(4), Ballot.Reject); // 5,000 of 10,000; 5,001 are asked for
        assertClosed(1, Status.Rejected, Closing.Complete);
        assertEq(experiment.snapshot(address(0)).accepted, 0, "accepted");
    }

    function test_ApprovalsAtTheExactThresholdAccept() public {
        IExperiment.Rules memory rules = usualRules();
        rules.thresholdBps = 5000;
        openWith(5, rules);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        vote(1, learner(3), Ballot.Reject);
        vote(1, learner(4), Ballot.Reject);
        assertClosed(1, Status.Accepted, Closing.Complete);
    }

    function test_UnavailableIsNoApproval() public {
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        vote(1, learner(3), Ballot.Unavailable);
        vote(1, learner(4), Ballot.Unavailable);
        assertClosed(1, Status.Rejected, Closing.Complete);
    }

    function openClosingEarly() private {
        IExperiment.Rules memory rules = usualRules();
        rules.closeEarly = true;
        openWith(5, rules);
        propose(1);
    }

    function test_AnOutcomeThatIsCertainToBeAcceptedClosesEarly() public {
        openClosingEarly();
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        assertClosed(1, Status.Voting, Closing.None);
        vote(1, learner(3), Ballot.Approve);
        assertClosed(1, Status.Accepted, Closing.Certain);
    }

    function test_AnOutcomeThatIsCertainToBeRejectedClosesEarly() public {
        openClosingEarly();
        vote(1, learner(1), Ballot.Reject);
        assertClosed(1, Status.Voting, Closing.None);
        vote(1, learner(2), Ballot.Unavailable);
        assertClosed(1, Status.Rejected, Closing.Certain);
    }

    function test_WithoutTheRuleACertainOutcomeLeavesTheRoundOpen() public {
        vote(1, learner(1), Ballot.Reject);
        vote(1, learner(2), Ballot.Reject);
        vote(1, learner(3), Ballot.Reject);
        assertClosed(1, Status.Voting, Closing.None);
    }

    function test_TheLastBallotOfARoundThatClosesEarlyCountsAsComplete() public {
        openClosingEarly();
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Reject);
        vote(1, learner(3), Ballot.Approve);
        vote(1, learner(4), Ballot.Approve);
        assertClosed(1, Status.Accepted, Closing.Complete);
    }

    /// @dev Round 1 as it will be stored once it closes now with the ballots of the test above: its layout by hand.
    function closedWord() private pure returns (uint256) {
        uint256 lower = (1 << 1) | (1 << 2) | (1 << 4); // Approve is 01, Reject 10
        uint256 higher = 1 << 3;
        uint256 statusAndClosing = uint256(Status.Accepted) | (uint256(Closing.Complete) << 8);
        return
            31 | (lower << 64) | (higher << 128) | (0 << 192) | (statusAndClosing << 200) | ((DEPLOYED_AT + 77) << 216);
    }
}
