// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";
import {Handler} from "./Handler.sol";

/// @title What holds whatever anybody does; in words in tests/contracts/README.md, in the same order.
abstract contract Invariants is ExperimentTest {
    Handler internal handler;

    /// @dev forge and Hardhat call nothing but the handler.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function begin(IExperiment.Rules memory rules) internal {
        deploy(rules);
        handler = new Handler(experiment, ORGANIZER, DEPLOYED_AT);
        for (uint256 i = 0; i < 5; ++i) {
            enrol(vm.addr(1 + i));
        }
        start();
    }

    /// @dev One campaign for all of them: each invariant of its own would have forge repeat the same random calls.
    function invariant_WhateverAnybodyDoes() public view {
        roundsAreNumberedWithoutGapsAndOnlyTheLastMayBeOpen();
        closedRoundsNeverChange();
        aDigestNeverChangesOnceProposed();
        anOutcomeIsWhatBallotsAndRulesSay();
        theAcceptedRoundIsTheLastThatWasAccepted();
        eachProposerIsTheNextSeatOfTheElectorateAfterTheOneBefore();
        anElectorateIsTheMembershipsThatCoverTheRound();
        anAddressHasOneMembershipAtATime();
        aSeatHasOneAnnouncedChangeAtMost();
        theListOfLearnersIsWhoCoversTheOpenRoundOrALaterOne();
        eachBallotCastIsOnRecordAndNoOtherIs();
        theHistoryHashFollowsFromTheViews();
    }

    /// @dev Invariants of a place where nothing happens would say little.
    function test_TheHandlerOpensRoundsAndCastsBallots() public {
        uint256 seed = 1;
        for (uint256 i = 0; i < 400; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            if (i % 4 == 0) handler.propose(bytes32(seed));
            else if (i % 4 == 1) handler.vote(seed, seed >> 8);
            else if (i % 4 == 2) handler.voteBySignature(seed, seed >> 8);
            else if (seed % 8 == 0) handler.advance();
            else if (seed % 8 == 1) handler.invite(seed >> 8);
            else if (seed % 8 == 2) handler.join(seed >> 8, bytes32(seed));
            else if (seed % 8 == 3) handler.resign(seed >> 8);
            else if (seed % 8 == 4) handler.removeIdle(seed >> 8);
            else if (seed % 8 == 5) handler.remove(seed >> 8);
            else if (seed % 8 == 6) handler.start();
            else handler.tryTheForbidden(seed >> 8);
        }
        assertTrue(current() >= 12, "rounds");
        assertTrue(handler.ballotsCast().length > 30, "ballots");
        invariant_WhateverAnybodyDoes();
    }

    // -------------------------------------------------------------------------------------------------- rounds

    function roundsAreNumberedWithoutGapsAndOnlyTheLastMayBeOpen() private view {
        uint256 last = current();
        for (uint256 number = 1; number < last; ++number) {
            assertTrue(experiment.round(number).status > Status.Voting, "an earlier round is not closed");
        }
        assertEq(uint256(experiment.round(last + 1).status), uint256(Status.None), "the next is not there yet");
        IExperiment.Phase phase = experiment.phase();
        bool open = phase == IExperiment.Phase.Proposing || phase == IExperiment.Phase.Voting;
        Status status = experiment.round(last).status;
        assertTrue(open == (status == Status.Proposing || status == Status.Voting), "phase");
        if (phase == IExperiment.Phase.Finished) assertEq(last, experiment.rules().maxRounds, "finished");
    }

    function closedRoundsNeverChange() private view {
        uint256 last = current();
        for (uint256 number = 1; number <= last; ++number) {
            bytes32 seen = handler.closedRound(number);
            if (seen != 0) assertEq(keccak256(abi.encode(experiment.round(number))), seen, "a closed round");
        }
    }

    function aDigestNeverChangesOnceProposed() private view {
        uint256 last = current();
        for (uint256 number = 1; number <= last; ++number) {
            bytes32 seen = handler.proposedDigest(number);
            if (seen != 0) assertEq(experiment.round(number).digest, seen, "a digest");
        }
    }

    function anOutcomeIsWhatBallotsAndRulesSay() private view {
        IExperiment.Rules memory rules = experiment.rules();
        uint256 last = current();
        for (uint256 number = 1; number <= last; ++number) {
            IExperiment.RoundView memory r = experiment.round(number);
            if (r.status <= Status.Voting) continue;
            if (r.status == Status.Skipped) {
                assertEq(r.digest, 0, "a skipped round has no digest");
                assertEq(r.approvals | r.rejections | r.unavailables, 0, "nor ballots");
                assertTrue(r.closing == Closing.Deadline || r.closing == Closing.Passed, "how it was skipped");
                continue;
            }
            assertTrue(r.digest != 0, "a decided round has a digest");
            (uint256 voters, uint256 cast, uint256 approvals) = tally(r, rules.countProposer);
            bool enough = approvals * 10_000 >= uint256(rules.thresholdBps) * voters;
            assertTrue((r.status == Status.Accepted) == enough, "outcome");
            assertTrue((r.closing == Closing.Complete) == (cast == voters), "complete");
            assertTrue(r.closing != Closing.Certain || rules.closeEarly, "closed early");
        }
    }

    function theAcceptedRoundIsTheLastThatWasAccepted() private view {
        uint256 accepted = current();
        while (accepted > 0 && experiment.round(accepted).status != Status.Accepted) {
            --accepted;
        }
        IExperiment.Snapshot memory s = experiment.snapshot(address(0));
        assertEq(s.accepted, accepted, "round");
        assertEq(s.acceptedDigest, accepted == 0 ? SPEC : experiment.round(accepted).digest, "digest");
    }

    function eachProposerIsTheNextSeatOfTheElectorateAfterTheOneBefore() private view {
        uint256 last = current();
        uint256 seat = 63;
        for (uint256 number = 1; number <= last; ++number) {
            IExperiment.RoundView memory r = experiment.round(number);
            do {
                seat = (seat + 1) % 64;
            } while ((r.electorate >> seat) & 1 == 0);
            assertEq(r.proposer, seat, "proposer");
        }
    }

    // ------------------------------------------------------------------------------------------------ members

    function anElectorateIsTheMembershipsThatCoverTheRound() private view {
        IExperiment.Membership[] memory list = experiment.memberships(0, type(uint256).max);
        uint256 last = current();
        for (uint256 number = 1; number <= last; ++number) {
            uint64 electorate = 0;
            uint256 members = 0;
            for (uint256 i = 0; i < list.length; ++i) {
                if (list[i].firstRound > number || number > list[i].lastRound) continue;
                uint64 bit = uint64(1) << list[i].seat;
                assertEq(electorate & bit, 0, "two on one seat");
                electorate |= bit;
                ++members;
            }
            assertEq(experiment.round(number).electorate, electorate, "electorate");
            assertTrue(members >= experiment.rules().minLearners, "a round of too few");
        }
    }

    function anAddressHasOneMembershipAtATime() private view {
        IExperiment.Membership[] memory list = experiment.memberships(0, type(uint256).max);
        for (uint256 i = 0; i < list.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                bool same = list[i].learner == list[j].learner;
                assertTrue(!same || list[j].lastRound < list[i].firstRound, "memberships overlap");
            }
        }
    }

    /// @dev Who arrives is not in the next round, and who departs is: so the contract has one bit a seat for both.
    function aSeatHasOneAnnouncedChangeAtMost() private view {
        IExperiment.Snapshot memory s = experiment.snapshot(address(0));
        IExperiment.Membership[] memory list = experiment.memberships(0, type(uint256).max);
        uint256 next = uint256(s.number) + 1;
        uint64 active = 0;
        uint64 arriving = 0;
        uint64 departing = 0;
        for (uint256 i = 0; i < list.length; ++i) {
            uint64 bit = uint64(1) << list[i].seat;
            if (list[i].lastRound < next || list[i].lastRound < list[i].firstRound) continue;
            if (list[i].firstRound > next) {
                assertEq(arriving & bit, 0, "two newcomers on one seat");
                arriving |= bit;
            } else {
                active |= bit;
                if (list[i].lastRound == next) departing |= bit;
            }
        }
        assertEq(active & arriving, 0, "a newcomer on a seat of the next round");
        assertEq(s.active, active, "active");
        assertEq(s.arriving, arriving, "arriving");
        assertEq(s.departing, departing, "departing");
    }

    function theListOfLearnersIsWhoCoversTheOpenRoundOrALaterOne() private view {
        IExperiment.Membership[] memory list = experiment.memberships(0, type(uint256).max);
        IExperiment.Membership[] memory listed = experiment.learners();
        Status status = experiment.round(current()).status;
        uint256 from = status == Status.Proposing || status == Status.Voting ? current() : current() + 1;
        uint256 found = 0;
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i].lastRound < from || list[i].lastRound < list[i].firstRound) continue;
            assertEq(abi.encode(listed[found++]), abi.encode(list[i]), "membership");
        }
        assertEq(listed.length, found, "how many");
    }

    // ------------------------------------------------------------------------------------------------- ballots

    function eachBallotCastIsOnRecordAndNoOtherIs() private view {
        Handler.CastBallot[] memory cast = handler.ballotsCast();
        for (uint256 i = 0; i < cast.length; ++i) {
            assertBallot(cast[i].number, cast[i].membership, cast[i].ballot);
        }
        uint256 onRecord = 0;
        uint256 last = current();
        for (uint256 number = 1; number <= last; ++number) {
            IExperiment.RoundView memory r = experiment.round(number);
            uint64 voted = r.approvals | r.rejections | r.unavailables;
            assertEq(voted & ~r.electorate, 0, "a ballot from outside the electorate");
            onRecord += popcount(voted);
        }
        assertEq(onRecord, cast.length, "ballots");
    }

    // ------------------------------------------------------------------------------------------------- history

    function theHistoryHashFollowsFromTheViews() private view {
        bytes32 hash = keccak256(abi.encode(block.chainid, experiment, experiment.rules(), SPEC, ORGANIZER));
        IExperiment.Membership[] memory list = experiment.memberships(0, type(uint256).max);
        IExperiment.RoundRecord[] memory records = experiment.rounds(1, type(uint256).max);
        uint256 next = 0;
        for (uint256 closed = 0; closed <= records.length; ++closed) {
            for (; next < list.length && list[next].closings <= closed; ++next) {
                IExperiment.Membership memory m = list[next];
                hash = keccak256(abi.encode(hash, next, m.learner, m.seat, m.firstRound, m.encryptionKey));
            }
            if (closed == records.length || uint8(records[closed].word >> 200) <= uint8(Status.Voting)) break;
            hash = keccak256(abi.encode(hash, closed + 1, records[closed].word, records[closed].digest));
        }
        assertEq(next, list.length, "memberships folded");
        assertEq(experiment.historyHash(), hash, "history hash");
    }

    // ------------------------------------------------------------------------------------------------- helpers

    function tally(IExperiment.RoundView memory r, bool countProposer)
        private
        pure
        returns (uint256 voters, uint256 cast, uint256 approvals)
    {
        voters = popcount(r.electorate) - (countProposer ? 0 : 1);
        cast = popcount(r.approvals | r.rejections | r.unavailables);
        approvals = popcount(r.approvals);
    }

    function popcount(uint64 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits >>= 1) {
            count += bits & 1;
        }
    }
}

contract UsualRulesInvariantTest is Invariants {
    function setUp() public {
        begin(usualRules());
    }
}

contract EarlyClosingInvariantTest is Invariants {
    function setUp() public {
        IExperiment.Rules memory rules = usualRules();
        rules.closeEarly = true;
        rules.countProposer = true;
        rules.minLearners = 3;
        rules.idleRounds = 1;
        rules.maxRounds = 12;
        begin(rules);
    }
}
