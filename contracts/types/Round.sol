// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Where a round stands; the last three are outcomes and final.
enum Status {
    None,
    Proposing,
    Voting,
    Accepted,
    Rejected,
    Skipped
}

/// @notice How a round closed.
enum Closing {
    None,
    Complete, // every voter has voted
    Deadline, // a window ran out
    Certain, // the outcome could not change any more (rule closeEarly)
    Passed // its proposer passed its turn
}

/// @notice A learner's ballot. Unavailable: the artefact could not be fetched or is malformed.
enum Ballot {
    None,
    Approve,
    Reject,
    Unavailable
}

/// @notice A round in one word.
/// @dev
///     bits      width  field
///     0   .. 63    64  electorate: bit s is set when the learner on seat s may take part in this round
///     64  .. 127   64  lower bits of the ballots: bit s is of seat s
///     128 .. 191   64  higher bits of the ballots, likewise
///     192 .. 199    8  proposer: a seat
///     200 .. 207    8  status
///     208 .. 215    8  closing
///     216 .. 255   40  time: the deadline of the open window; once closed, when it closed (seconds since 1970)
type Round is uint256;

using RoundLibrary for Round global;

/// @title Reading and writing the round's word.
library RoundLibrary {
    uint256 private constant LOWER = 64;
    uint256 private constant HIGHER = 128;
    uint256 private constant PROPOSER = 192;
    uint256 private constant STATUS = 200;
    uint256 private constant CLOSING = 208;
    uint256 private constant TIME = 216;
    /// @dev Status, closing and time: what changes from phase to phase.
    uint256 private constant PHASE_MASK = uint256(type(uint56).max) << STATUS;

    /// @notice A round that has just opened.
    function open(uint256 electorate_, uint256 proposer_, uint256 deadline) internal pure returns (Round) {
        return
            Round.wrap(
                electorate_ | (proposer_ << PROPOSER) | (uint256(Status.Proposing) << STATUS) | (deadline << TIME)
            );
    }

    function electorate(Round self) internal pure returns (uint256) {
        return uint64(Round.unwrap(self));
    }

    function proposer(Round self) internal pure returns (uint256) {
        return uint8(Round.unwrap(self) >> PROPOSER);
    }

    function status(Round self) internal pure returns (Status) {
        return Status(uint8(Round.unwrap(self) >> STATUS));
    }

    function closing(Round self) internal pure returns (Closing) {
        return Closing(uint8(Round.unwrap(self) >> CLOSING));
    }

    /// @notice Whether this is how the round closed; cheaper than `closing() ==`, like `isAt`.
    function isClosedBy(Round self, Closing closing_) internal pure returns (bool) {
        return uint8(Round.unwrap(self) >> CLOSING) == uint8(closing_);
    }

    /// @notice The open window's deadline, or when the round closed.
    function time(Round self) internal pure returns (uint256) {
        return Round.unwrap(self) >> TIME;
    }

    /// @notice Seats that approved.
    function approvals(Round self) internal pure returns (uint256) {
        return self.lower() & ~self.higher();
    }

    /// @notice Seats that rejected.
    function rejections(Round self) internal pure returns (uint256) {
        return self.higher() & ~self.lower();
    }

    /// @notice Seats that found the artefact unavailable.
    function unavailables(Round self) internal pure returns (uint256) {
        return self.lower() & self.higher();
    }

    /// @notice Seats that have voted.
    function voted(Round self) internal pure returns (uint256) {
        return self.lower() | self.higher();
    }

    function lower(Round self) internal pure returns (uint256) {
        return uint64(Round.unwrap(self) >> LOWER);
    }

    function higher(Round self) internal pure returns (uint256) {
        return uint64(Round.unwrap(self) >> HIGHER);
    }

    function isOpen(Round self) internal pure returns (bool) {
        return self.isAt(Status.Proposing) || self.isAt(Status.Voting);
    }

    /// @notice Whether this is where the round stands; cheaper than `status() ==`, which has to check its range.
    function isAt(Round self, Status status_) internal pure returns (bool) {
        return uint8(Round.unwrap(self) >> STATUS) == uint8(status_);
    }

    /// @notice Whether there is a ballot at a position.
    function hasVoted(Round self, uint256 position) internal pure returns (bool) {
        return (Round.unwrap(self) >> position) & ((1 << LOWER) | (1 << HIGHER)) != 0;
    }

    /// @notice The ballot at a position, which is the voter's seat.
    function ballotAt(Round self, uint256 position) internal pure returns (Ballot) {
        uint256 word = Round.unwrap(self) >> position;
        return Ballot(uint8(((word >> LOWER) & 1) | ((word >> (HIGHER - 1)) & 2)));
    }

    /// @notice Writes a ballot where there is none.
    function withBallot(Round self, uint256 position, Ballot ballot) internal pure returns (Round) {
        uint256 value = uint256(ballot);
        uint256 bits = ((value & 1) << LOWER) | ((value >> 1) << HIGHER);
        return Round.wrap(Round.unwrap(self) | (bits << position));
    }

    /// @notice The proposal is there: the voting window begins.
    function toVoting(Round self, uint256 deadline) internal pure returns (Round) {
        return self.withPhase(Status.Voting, Closing.None, deadline);
    }

    /// @notice The round is over.
    function toClosed(Round self, Status outcome, Closing how, uint256 closedAt) internal pure returns (Round) {
        return self.withPhase(outcome, how, closedAt);
    }

    function withPhase(Round self, Status status_, Closing closing_, uint256 time_) internal pure returns (Round) {
        return Round.wrap(
            (Round.unwrap(self) & ~PHASE_MASK) | (uint256(status_) << STATUS) | (uint256(closing_) << CLOSING)
                | (time_ << TIME)
        );
    }

    /// @notice The number of bits that are set, of 64: x is below 2^64.
    /// @dev Parallel sums of 2, 4 and 8 bits, then one multiplication adds the bytes (Warren, Hacker's Delight, 5-1).
    function popcount(uint256 x) internal pure returns (uint256) {
        unchecked {
            uint256 y = x - ((x >> 1) & 0x5555555555555555);
            y = (y & 0x3333333333333333) + ((y >> 2) & 0x3333333333333333);
            y = (y + (y >> 4)) & 0x0f0f0f0f0f0f0f0f;
            return ((y * 0x0101010101010101) >> 56) & 0xff;
        }
    }
}
