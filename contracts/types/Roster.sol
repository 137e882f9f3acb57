// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Where the experiment stands, and who will be in the next rounds, in one word.
/// @dev
///     bits      width  field
///     0   .. 63    64  active: seats of the next round's electorate, as announced so far
///     64  .. 127   64  changing: seats that leave after the next round, if active; else, that join the round after it
///     128 .. 191   64  memberships: how many have been made
///     192 .. 215   24  number: the round opened last; 0 before the first
///     216 .. 239   24  accepted: the round accepted last; 0 if there is none
///
/// The electorate of the open round stands in the round's own word. Announced changes are made whenever a round opens,
/// and at no other time: so a pause changes nothing that was announced before it. One bit says which change, because a
/// seat has one at most: it is given to a newcomer only once its last holder is in neither this nor the next round, and
/// a newcomer whose end is set before it began leaves no trace.
type Roster is uint256;

using RosterLibrary for Roster global;

/// @title Reading and writing the roster's word.
library RosterLibrary {
    uint256 private constant CHANGING = 64;
    uint256 private constant MEMBERSHIPS = 128;
    uint256 private constant NUMBER = 192;
    uint256 private constant ACCEPTED = 216;

    function active(Roster self) internal pure returns (uint256) {
        return uint64(Roster.unwrap(self));
    }

    function changing(Roster self) internal pure returns (uint256) {
        return uint64(Roster.unwrap(self) >> CHANGING);
    }

    function memberships(Roster self) internal pure returns (uint256) {
        return uint64(Roster.unwrap(self) >> MEMBERSHIPS);
    }

    function number(Roster self) internal pure returns (uint256) {
        return uint24(Roster.unwrap(self) >> NUMBER);
    }

    /// @notice The number that the next round will have.
    function next(Roster self) internal pure returns (uint256) {
        unchecked {
            return self.number() + 1; // of 24 bits
        }
    }

    function accepted(Roster self) internal pure returns (uint256) {
        return uint24(Roster.unwrap(self) >> ACCEPTED);
    }

    /// @notice Seats of the next round and of newcomers to the one after it.
    function taken(Roster self) internal pure returns (uint256) {
        return self.active() | self.changing();
    }

    /// @notice One membership more, on a seat that is in the next round or, while one is open, in the round after it.
    function withJoiner(Roster self, uint256 seat, bool open) internal pure returns (Roster) {
        uint256 bit = open ? 1 << (CHANGING + seat) : 1 << seat;
        return Roster.wrap((Roster.unwrap(self) | bit) + (1 << MEMBERSHIPS));
    }

    /// @notice A seat of the next round that leaves after it.
    function withDeparting(Roster self, uint256 seat) internal pure returns (Roster) {
        return Roster.wrap(Roster.unwrap(self) | (1 << (CHANGING + seat)));
    }

    /// @notice A seat that takes part in no further round.
    function without(Roster self, uint256 seat) internal pure returns (Roster) {
        return Roster.wrap(Roster.unwrap(self) & ~((1 << seat) | (1 << (CHANGING + seat))));
    }

    function withAccepted(Roster self, uint256 round) internal pure returns (Roster) {
        return Roster.wrap((Roster.unwrap(self) & ((1 << ACCEPTED) - 1)) | (round << ACCEPTED));
    }

    /// @notice The roster once the next round has opened: what was announced is done.
    function opened(Roster self) internal pure returns (Roster) {
        uint256 kept = (Roster.unwrap(self) >> MEMBERSHIPS) << MEMBERSHIPS;
        return Roster.wrap((kept + (1 << NUMBER)) | (self.active() ^ self.changing()));
    }
}
