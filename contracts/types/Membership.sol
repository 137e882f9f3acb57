// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev The last round of a membership that has no end yet.
uint256 constant NO_END = type(uint24).max;

/// @notice What an address is to the experiment: its invitation and its latest membership, in one word.
/// @dev
///     bits     width  field
///     0  .. 7      8  seat
///     8  .. 31    24  firstRound; 0: it has never joined
///     32 .. 55    24  lastRound
///     56 .. 63     8  invited
///     64 .. 255  192  membership: its index
type Member is uint256;

/// @notice A membership for good, in one word; only lastRound ever changes.
/// @dev
///     bits      width  field
///     0   .. 7      8  seat
///     8   .. 31    24  firstRound
///     32  .. 55    24  lastRound
///     56  .. 79    24  closings: how many rounds had closed when it was made
///     80  .. 95    16  unused
///     96  .. 255  160  learner
type Term is uint256;

using MemberLibrary for Member global;
using TermLibrary for Term global;

/// @title Reading and writing the word of an address.
library MemberLibrary {
    uint256 private constant FIRST = 8;
    uint256 private constant LAST = 32;
    uint256 private constant INVITED = 56;
    uint256 private constant MEMBERSHIP = 64;

    /// @notice An invited address that has just joined.
    function joining(uint256 seat_, uint256 first, uint256 membership_) internal pure returns (Member) {
        return Member.wrap(seat_ | (first << FIRST) | (NO_END << LAST) | (1 << INVITED) | (membership_ << MEMBERSHIP));
    }

    function seat(Member self) internal pure returns (uint256) {
        return uint8(Member.unwrap(self));
    }

    function firstRound(Member self) internal pure returns (uint256) {
        return uint24(Member.unwrap(self) >> FIRST);
    }

    function lastRound(Member self) internal pure returns (uint256) {
        return uint24(Member.unwrap(self) >> LAST);
    }

    function membership(Member self) internal pure returns (uint256) {
        return Member.unwrap(self) >> MEMBERSHIP;
    }

    function invited(Member self) internal pure returns (bool) {
        return (Member.unwrap(self) >> INVITED) & 1 == 1;
    }

    /// @notice Whether the latest membership covers a round (from 1 on).
    function covers(Member self, uint256 round) internal pure returns (bool) {
        return self.firstRound() <= round && round <= self.lastRound();
    }

    function withInvitation(Member self, bool invited_) internal pure returns (Member) {
        uint256 cleared = Member.unwrap(self) & ~(uint256(1) << INVITED);
        return Member.wrap(invited_ ? cleared | (1 << INVITED) : cleared);
    }

    function withLastRound(Member self, uint256 last) internal pure returns (Member) {
        return Member.wrap((Member.unwrap(self) & ~(NO_END << LAST)) | (last << LAST));
    }
}

/// @title Reading and writing the word of a membership.
library TermLibrary {
    uint256 private constant FIRST = 8;
    uint256 private constant LAST = 32;
    uint256 private constant CLOSINGS = 56;
    uint256 private constant LEARNER = 96;

    /// @notice A membership that has no end yet.
    function begin(address learner_, uint256 seat_, uint256 first, uint256 closings_) internal pure returns (Term) {
        return Term.wrap(
            seat_ | (first << FIRST) | (NO_END << LAST) | (closings_ << CLOSINGS)
                | (uint256(uint160(learner_)) << LEARNER)
        );
    }

    function learner(Term self) internal pure returns (address) {
        return address(uint160(Term.unwrap(self) >> LEARNER));
    }

    function seat(Term self) internal pure returns (uint8) {
        return uint8(Term.unwrap(self));
    }

    function firstRound(Term self) internal pure returns (uint24) {
        return uint24(Term.unwrap(self) >> FIRST);
    }

    function lastRound(Term self) internal pure returns (uint24) {
        return uint24(Term.unwrap(self) >> LAST);
    }

    function closings(Term self) internal pure returns (uint24) {
        return uint24(Term.unwrap(self) >> CLOSINGS);
    }

    function withLastRound(Term self, uint256 last) internal pure returns (Term) {
        return Term.wrap((Term.unwrap(self) & ~(NO_END << LAST)) | (last << LAST));
    }
}
