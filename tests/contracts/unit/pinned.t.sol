// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

/// @title What people rely on, across calls.
contract PinnedTest is ExperimentTest {
    // ------------------------------------------------------------------------------------------------ digests

    function proposalIsRefused(uint256 number) private {
        for (uint256 i = 0; i < 5; ++i) {
            vm.prank(learner(i));
            (bool done,) = address(experiment).call(abi.encodeCall(IExperiment.propose, (number, OTHER_MODEL)));
            assertTrue(!done, "a second proposal");
        }
        vm.prank(ORGANIZER);
        (bool byOrganizer,) = address(experiment).call(abi.encodeCall(IExperiment.propose, (number, OTHER_MODEL)));
        assertTrue(!byOrganizer, "the organizer's proposal");
        assertEq(experiment.round(number).digest, MODEL, "digest");
    }

    function test_ADigestNeverChangesOnceProposed() public {
        openWith(5);
        propose(1);
        proposalIsRefused(1);
        vote(1, learner(1), Ballot.Approve);
        proposalIsRefused(1);
        lapse(1);
        proposalIsRefused(1);
        lapse(2);
        proposalIsRefused(1);
    }

    // --------------------------------------------------------------------------------------------------- seats

    function test_TheBallotsOfOneWhoLeftAndOfTheNextInItsSeatNeverCross() public {
        openWith(4);
        propose(1);
        vote(1, learner(3), Ballot.Reject);
        resign(learner(3));
        lapse(1);
        enrol(learner(4)); // on seat 3, from round 4
        assertEq(seatOf(learner(4)), seatOf(learner(3)), "the same seat");
        for (uint256 number = 2; number <= 3; ++number) {
            propose(number);
            for (uint256 i = 3; i <= 4; ++i) {
                vm.prank(learner(i));
                vm.expectRevert(abi.encodeWithSelector(IExperiment.NotMember.selector, learner(i), number));
                experiment.castBallot(number, MODEL, 1);
            }
            lapse(number);
        }
        assertEq(experiment.round(4).proposer, 3, "the newcomer's turn");
        lapse(4);
        propose(5);
        vm.prank(learner(3));
        vm.expectRevert(abi.encodeWithSelector(IExperiment.NotMember.selector, learner(3), 5));
        experiment.castBallot(5, MODEL, 2);
        vote(5, learner(4), Ballot.Approve);
        assertBallot(1, 3, Ballot.Reject);
        assertBallot(1, 4, Ballot.None);
        assertBallot(5, 3, Ballot.None);
        assertBallot(5, 4, Ballot.Approve);
    }

    function test_OneThatWasRemovedBeforeItBeganCannotTakeItsSeatFromTheNext() public {
        openWith(4);
        enrol(learner(4)); // on seat 4, from round 3
        remove(learner(4));
        enrol(learner(5));
        uint8 seat = seatOf(learner(5));
        vm.prank(learner(4));
        (bool resigned,) = address(experiment).call(abi.encodeCall(IExperiment.resign, ()));
        resigned; // it may or may not: what counts is the other's seat
        invite(learner(4));
        remove(learner(4));
        lapse(1);
        lapse(2);
        assertEq((experiment.round(3).electorate >> seat) & 1, 1, "the next has its seat");
    }

    // ------------------------------------------------------------------------------------------------ removals

    function test_RemovalsInMidRoundLeaveElectorateAndDenominatorAlone() public {
        openWith(5);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        remove(learner(3));
        remove(learner(4));
        assertEq(experiment.round(1).electorate, 31, "electorate");
        lapse(1);
        assertClosed(1, Status.Rejected, Closing.Deadline); // 2 of 4, not 2 of 2
        assertEq(experiment.round(2).electorate, 31, "the round of notice");
        propose(2);
        vote(2, learner(3), Ballot.Approve);
        vote(2, learner(4), Ballot.Approve);
        vote(2, learner(0), Ballot.Approve);
        assertClosed(2, Status.Voting, Closing.None); // one is missing still
        vote(2, learner(2), Ballot.Reject);
        assertClosed(2, Status.Accepted, Closing.Complete);
        assertEq(experiment.round(3).electorate, 7, "without them");
    }

    // -------------------------------------------------------------------------------------------------- windows

    function test_AtTheExactDeadlineVotingWorksAndAdvancingRevertsASecondLaterTheOtherWayRound() public {
        openWith(4);
        propose(1);
        uint256 deadline = experiment.round(1).time;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IExperiment.DeadlineNotPassed.selector, 1, deadline));
        experiment.advance(1);
        vote(1, learner(1), Ballot.Approve);
        vm.warp(deadline + 1);
        vm.prank(learner(2));
        vm.expectRevert(abi.encodeWithSelector(IExperiment.DeadlinePassed.selector, 1, deadline));
        experiment.castBallot(1, MODEL, 1);
        experiment.advance(1);
        assertClosed(1, Status.Rejected, Closing.Deadline);
    }

    function test_AnyOutageCostsOneRoundAtMost() public {
        uint32[3] memory outages = [uint32(1 hours), 30 days, 3650 days];
        for (uint256 i = 0; i < outages.length; ++i) {
            for (uint256 voting = 0; voting < 2; ++voting) {
                openWith(4);
                if (voting == 1) propose(1);
                vm.warp(DEPLOYED_AT + outages[i]);
                experiment.advance(1);
                assertEq(current(), 2, "number");
                assertEq(experiment.round(2).time, DEPLOYED_AT + outages[i] + 600, "a whole window");
                propose(2);
                vote(2, learner(0), Ballot.Approve);
                vote(2, learner(2), Ballot.Approve);
                vote(2, learner(3), Ballot.Approve);
                assertClosed(2, Status.Accepted, Closing.Complete);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------- outcomes

    /// @dev The outcome of round 1 among five learners when these four ballots are cast in this order, as far as it
    /// gets, and the window then runs out.
    function outcome(Ballot[4] memory ballots, uint256 order, bool closeEarly) private returns (Status) {
        IExperiment.Rules memory rules = usualRules();
        rules.closeEarly = closeEarly;
        openWith(5, rules);
        propose(1);
        uint256 left = 0x4321;
        for (uint256 i = 4; i > 0 && current() == 1; --i) {
            uint256 shift = 4 * (order % i);
            order /= i;
            uint256 seat = (left >> shift) & 15;
            left = (left & ((1 << shift) - 1)) | ((left >> (shift + 4)) << shift);
            if (ballots[seat - 1] != Ballot.None) vote(1, learner(seat), ballots[seat - 1]);
        }
        if (current() == 1) lapse(1);
        return experiment.round(1).status;
    }

    function test_BallotsAloneGiveTheOutcomeWhateverTheirOrderOrEarlyClosing() public {
        Ballot[4][4] memory all = [
            [Ballot.Approve, Ballot.Approve, Ballot.Reject, Ballot.Approve],
            [Ballot.Approve, Ballot.Approve, Ballot.Reject, Ballot.Unavailable],
            [Ballot.Approve, Ballot.Approve, Ballot.None, Ballot.Approve],
            [Ballot.Reject, Ballot.None, Ballot.Approve, Ballot.Unavailable]
        ];
        Status[4] memory expected = [Status.Accepted, Status.Rejected, Status.Accepted, Status.Rejected];
        for (uint256 i = 0; i < all.length; ++i) {
            for (uint256 order = 0; order < 24; ++order) {
                assertEq(uint256(outcome(all[i], order, false)), uint256(expected[i]), "outcome");
                assertEq(uint256(outcome(all[i], order, true)), uint256(expected[i]), "outcome, closed early");
            }
        }
    }

    // ---------------------------------------------------------------------------------------------------- idle

    function idleIsRefused(uint256 i) private {
        vm.prank(STRANGER);
        (bool done,) = address(experiment).call(abi.encodeCall(IExperiment.removeIdle, (learner(i))));
        assertTrue(!done, "removed");
        assertEq(lastRoundOf(learner(i)), NO_END, "last round");
    }

    function test_RemoveIdleCannotRemoveOneWhoTookPartWhateverOthersDo() public {
        openWith(4);
        // All others collude: they let their turns lapse, pass, leave voting to run out, and close by majority.
        for (uint256 number = 1; number <= 24; ++number) {
            uint256 proposer = experiment.round(number).proposer;
            if (proposer == 0) {
                propose(number);
                idleIsRefused(0);
                lapse(number);
            } else if (number % 3 == 0) {
                passTurn(number);
            } else if (number % 3 == 1) {
                lapse(number);
            } else {
                propose(number);
                vote(number, learner(0), Ballot.Reject);
                idleIsRefused(0);
                lapse(number);
            }
            idleIsRefused(0);
        }
    }

    // -------------------------------------------------------------------------------------------------- scale

    /// @dev The gas of one learner's call among so many, everything cold.
    function gasOfAVote(uint256 count) private returns (uint256) {
        openWith(count);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        bytes memory data = abi.encodeCall(IExperiment.castBallot, (1, MODEL, 1));
        vm.cool(address(experiment));
        vm.prank(learner(count - 2));
        uint256 before = gasleft();
        (bool done,) = address(experiment).call(data);
        uint256 used = before - gasleft();
        assertTrue(done, "voted");
        assertClosed(1, Status.Voting, Closing.None);
        return used;
    }

    function test_AVoteCostsTheSameAmong64AsAmong4() public {
        uint256 few = gasOfAVote(4);
        uint256 many = gasOfAVote(64);
        assertTrue(many <= few + 100 && few <= many + 100, "gas");
    }

    function test_64VotersDecideARound() public {
        IExperiment.Rules memory rules = usualRules();
        rules.thresholdBps = 10_000;
        openWith(64, rules);
        propose(1);
        for (uint256 i = 1; i < 64; ++i) {
            assertEq(current(), 1, "number");
            vote(1, learner(i), Ballot.Approve);
        }
        assertClosed(1, Status.Accepted, Closing.Complete);
        assertEq(experiment.round(1).approvals, type(uint64).max - 1, "approvals");
    }

    function test_A65thLearnerIsRefusedInARoundAndWelcomeOnceOneHasLeft() public {
        openWith(64);
        invite(learner(64));
        vm.prank(learner(64));
        vm.expectRevert(abi.encodeWithSelector(IExperiment.NoSeatFree.selector));
        experiment.join(NO_KEY);
        resign(learner(63));
        lapse(1);
        join(learner(64));
        assertEq(seatOf(learner(64)), 63, "seat");
        lapse(2);
        lapse(3);
        assertEq(experiment.round(4).electorate, type(uint64).max, "electorate");
    }

    function test_ARoundTakesTwoNewStorageSlotsAndNoThird() public {
        openWith(4);
        lapse(1); // the history hash and the roster are no new slots from here on
        vm.record();
        propose(2);
        vote(2, learner(0), Ballot.Approve);
        vote(2, learner(2), Ballot.Approve);
        vote(2, learner(3), Ballot.Approve);
        assertEq(current(), 3, "number");
        (, bytes32[] memory writes) = vm.accesses(address(experiment));
        uint256 distinct = 0;
        for (uint256 i = 0; i < writes.length; ++i) {
            bool seen = false;
            for (uint256 j = 0; j < i; ++j) {
                seen = seen || writes[j] == writes[i];
            }
            if (!seen) ++distinct;
        }
        assertEq(distinct, 5, "round 2's word and digest, round 3's word, roster, history hash");
    }
}
