// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Member, MemberLibrary, NO_END, Term, TermLibrary} from "../../../contracts/types/Membership.sol";
import {Roster} from "../../../contracts/types/Roster.sol";
import {Ballot, Closing, Round, RoundLibrary, Status} from "../../../contracts/types/Round.sol";
import {TestBase} from "../TestBase.sol";

/// @dev The bits of a word from `from` on, so many.
function field(uint256 word, uint256 from, uint256 width) pure returns (uint256) {
    return (word >> from) % 2 ** width;
}

/// @dev The word without these bits.
function without(uint256 word, uint256 from, uint256 width) pure returns (uint256) {
    return word - (field(word, from, width) << from);
}

/// @title A round's word: what is set is read, and its neighbours are untouched.
contract RoundWordTest is TestBase {
    function roundOf(uint64 electorate, uint64 lower, uint64 higher, uint256 rest) private pure returns (Round) {
        uint256 word = uint256(electorate) | (uint256(lower) << 64) | (uint256(higher) << 128);
        word |= (rest % 256) << 192; // proposer
        word |= ((rest >> 8) % 6) << 200; // status
        word |= ((rest >> 16) % 5) << 208; // closing
        word |= uint256(uint40(rest >> 24)) << 216;
        return Round.wrap(word);
    }

    function testFuzz_EveryFieldIsReadFromItsPlace(uint64 electorate, uint64 lower, uint64 higher, uint256 rest)
        public
        pure
    {
        Round word = roundOf(electorate, lower, higher, rest);
        assertEq(word.electorate(), electorate, "electorate");
        assertEq(word.proposer(), rest % 256, "proposer");
        assertEq(uint256(word.status()), (rest >> 8) % 6, "status");
        assertEq(uint256(word.closing()), (rest >> 16) % 5, "closing");
        assertEq(word.time(), uint40(rest >> 24), "time");
        assertTrue(word.isOpen() == ((rest >> 8) % 6 == 1 || (rest >> 8) % 6 == 2), "open");
    }

    function testFuzz_BallotMapsAreWhatALoopOverSeatsFinds(uint64 lower, uint64 higher, uint256 rest) public pure {
        Round word = roundOf(0, lower, higher, rest);
        for (uint8 seat = 0; seat < 64; ++seat) {
            uint256 ballot = ((lower >> seat) & 1) + 2 * ((higher >> seat) & 1);
            assertEq(uint256(word.ballotAt(seat)), ballot, "ballot");
            assertEq((word.approvals() >> seat) & 1, ballot == 1 ? 1 : 0, "approvals");
            assertEq((word.rejections() >> seat) & 1, ballot == 2 ? 1 : 0, "rejections");
            assertEq((word.unavailables() >> seat) & 1, ballot == 3 ? 1 : 0, "unavailables");
            assertEq((word.voted() >> seat) & 1, ballot == 0 ? 0 : 1, "voted");
        }
    }

    function testFuzz_ABallotIsWrittenOnItsSeatAlone(uint64 lower, uint64 higher, uint256 rest, uint8 seat)
        public
        pure
    {
        seat %= 64;
        uint64 others = ~(uint64(1) << seat);
        Round before = roundOf(uint64(rest >> 128), lower & others, higher & others, rest);
        Ballot ballot = Ballot(1 + rest % 3);
        Round afterwards = before.withBallot(seat, ballot);
        assertEq(uint256(afterwards.ballotAt(seat)), uint256(ballot), "ballot");
        uint256 rest_ = without(without(Round.unwrap(afterwards), 64 + uint256(seat), 1), 128 + uint256(seat), 1);
        assertEq(rest_, Round.unwrap(before), "the rest");
    }

    function testFuzz_OpeningSetsElectorateProposerStatusAndDeadlineAlone(uint64 seats, uint8 proposer, uint40 deadline)
        public
        pure
    {
        Round word = RoundLibrary.open(seats, proposer, deadline);
        assertEq(word.electorate(), seats, "electorate");
        assertEq(word.proposer(), proposer, "proposer");
        assertEq(uint256(word.status()), uint256(Status.Proposing), "status");
        assertEq(word.time(), deadline, "deadline");
        assertEq(word.voted(), 0, "ballots");
        assertEq(uint256(word.closing()), uint256(Closing.None), "closing");
    }

    function testFuzz_APhaseIsWrittenOverStatusClosingAndTimeAlone(
        uint64 lower,
        uint64 higher,
        uint256 rest,
        uint40 time
    ) public pure {
        Round before = roundOf(uint64(rest >> 128), lower, higher, rest);
        Round voting = before.toVoting(time);
        assertEq(uint256(voting.status()), uint256(Status.Voting), "status");
        assertEq(uint256(voting.closing()), uint256(Closing.None), "closing");
        assertEq(voting.time(), time, "time");
        Closing how = Closing(rest % 5);
        Round closed = before.toClosed(Status.Rejected, how, time);
        assertEq(uint256(closed.status()), uint256(Status.Rejected), "outcome");
        assertEq(uint256(closed.closing()), uint256(how), "how");
        assertEq(closed.time(), time, "closed at");
        uint256 kept = uint200(Round.unwrap(before));
        assertEq(uint200(Round.unwrap(voting)), kept, "the rest while voting");
        assertEq(uint200(Round.unwrap(closed)), kept, "the rest once closed");
    }

    function testFuzz_PopcountIsWhatALoopCounts(uint64 bits) public pure {
        uint256 count = 0;
        for (uint256 i = 0; i < 64; ++i) {
            count += (bits >> i) & 1;
        }
        assertEq(RoundLibrary.popcount(bits), count, "bits");
    }

    function test_PopcountOfNoneAllAndEachBit() public pure {
        assertEq(RoundLibrary.popcount(0), 0, "none");
        assertEq(RoundLibrary.popcount(type(uint64).max), 64, "all");
        for (uint256 i = 0; i < 64; ++i) {
            assertEq(RoundLibrary.popcount(uint64(1) << uint64(i)), 1, "one");
            assertEq(RoundLibrary.popcount(type(uint64).max >> i), 64 - i, "the lowest so many");
        }
    }
}

/// @title The words of an address and of a membership.
contract MembershipWordTest is TestBase {
    function testFuzz_AMemberThatJoinsHasItsFields(uint8 seat, uint24 first, uint192 membership) public pure {
        Member word = MemberLibrary.joining(seat, first, membership);
        assertEq(word.seat(), seat, "seat");
        assertEq(word.firstRound(), first, "first");
        assertEq(word.lastRound(), NO_END, "last");
        assertTrue(word.invited(), "invited");
        assertEq(word.membership(), membership, "membership");
    }

    function testFuzz_AnEndIsWrittenInItsPlaceAlone(uint256 word, uint24 last) public pure {
        Member member = Member.wrap(word).withLastRound(last);
        assertEq(member.lastRound(), last, "member");
        assertEq(without(Member.unwrap(member), 32, 24), without(word, 32, 24), "the rest of the member");
        Term term = Term.wrap(word).withLastRound(last);
        assertEq(term.lastRound(), last, "term");
        assertEq(without(Term.unwrap(term), 32, 24), without(word, 32, 24), "the rest of the term");
    }

    function testFuzz_AnInvitationIsWrittenInItsPlaceAlone(uint256 word, bool invited) public pure {
        Member member = Member.wrap(word).withInvitation(invited);
        assertTrue(member.invited() == invited, "invited");
        assertEq(without(Member.unwrap(member), 56, 1), without(word, 56, 1), "the rest");
    }

    function testFuzz_AMembershipCoversFromItsFirstToItsLastRound(uint24 first, uint24 last, uint24 number)
        public
        pure
    {
        Member member = MemberLibrary.joining(3, first, 9).withLastRound(last);
        assertTrue(member.covers(number) == (first <= number && number <= last), "covers");
        assertTrue(member.covers(first) == (first <= last), "its first");
        assertTrue(member.covers(last) == (first <= last), "its last");
    }

    function testFuzz_AMembershipHasItsFields(address learner, uint8 seat, uint24 first, uint24 closings) public pure {
        Term term = TermLibrary.begin(learner, seat, first, closings);
        assertEq(term.learner(), learner, "learner");
        assertEq(term.seat(), seat, "seat");
        assertEq(term.firstRound(), first, "first");
        assertEq(term.lastRound(), NO_END, "last");
        assertEq(term.closings(), closings, "closings");
    }
}

/// @title The roster's word.
contract RosterWordTest is TestBase {
    uint256 private constant USED = 2 ** 240;
    uint256 private constant MEMBERSHIP = 2 ** 128;

    function testFuzz_EveryFieldIsReadFromItsPlace(uint256 word) public pure {
        Roster roster = Roster.wrap(word);
        assertEq(roster.active(), field(word, 0, 64), "active");
        assertEq(roster.changing(), field(word, 64, 64), "changing");
        assertEq(roster.memberships(), field(word, 128, 64), "memberships");
        assertEq(roster.number(), field(word, 192, 24), "number");
        assertEq(roster.next(), field(word, 192, 24) + 1, "next");
        assertEq(roster.accepted(), field(word, 216, 24), "accepted");
    }

    function testFuzz_TakenAreTheSeatsThatAreActiveOrChanging(uint256 word) public pure {
        uint256 taken = Roster.wrap(word).taken();
        for (uint256 seat = 0; seat < 64; ++seat) {
            bool is_ = field(word, seat, 1) + field(word, 64 + seat, 1) != 0;
            assertTrue(((taken >> seat) & 1 == 1) == is_, "taken");
        }
    }

    /// @dev Seats are given out free, and there are never 2^64 memberships.
    function testFuzz_AJoinSetsOneBitAndCountsOneMembership(uint256 word, uint256 seat) public pure {
        seat %= 64;
        word = without(without(word, seat, 1), 64 + seat, 1);
        if (field(word, 128, 64) == type(uint64).max) word -= MEMBERSHIP;
        Roster roster = Roster.wrap(word);
        uint256 active = Roster.unwrap(roster.withJoiner(seat, false));
        uint256 arriving = Roster.unwrap(roster.withJoiner(seat, true));
        assertEq(active, word + 2 ** seat + MEMBERSHIP, "active");
        assertEq(arriving, word + 2 ** (64 + seat) + MEMBERSHIP, "arriving");
    }

    function testFuzz_AnEndIsWrittenOnItsSeatAlone(uint256 word, uint256 seat) public pure {
        seat %= 64;
        uint256 gone = without(without(word, seat, 1), 64 + seat, 1);
        assertEq(Roster.unwrap(Roster.wrap(word).without(seat)), gone, "without");
        uint256 departing = without(word, 64 + seat, 1) + 2 ** (64 + seat);
        assertEq(Roster.unwrap(Roster.wrap(word).withDeparting(seat)), departing, "departing");
    }

    function testFuzz_TheAcceptedRoundIsWrittenInItsPlaceAlone(uint256 word, uint24 number) public pure {
        word %= USED;
        Roster roster = Roster.wrap(word).withAccepted(number);
        assertEq(roster.accepted(), number, "accepted");
        assertEq(without(Roster.unwrap(roster), 216, 24), without(word, 216, 24), "the rest");
    }

    function testFuzz_OpeningMakesEachAnnouncedChange(uint256 word) public pure {
        word %= USED;
        if (field(word, 192, 24) == type(uint24).max) word -= 2 ** 192; // maxRounds is below it
        Roster before = Roster.wrap(word);
        Roster afterwards = before.opened();
        for (uint256 seat = 0; seat < 64; ++seat) {
            bool was = field(word, seat, 1) == 1;
            bool changes = field(word, 64 + seat, 1) == 1;
            assertTrue(((afterwards.active() >> seat) & 1 == 1) == (changes ? !was : was), "active");
        }
        assertEq(afterwards.changing(), 0, "changing");
        assertEq(afterwards.memberships(), before.memberships(), "memberships");
        assertEq(afterwards.number(), before.number() + 1, "number");
        assertEq(afterwards.accepted(), before.accepted(), "accepted");
    }
}
