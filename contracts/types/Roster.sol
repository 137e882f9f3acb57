// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Where the experiment stands, and who will be in the next rounds, in one word.
/// @dev
///     bits      width  field
///     0   .. 63    64  active: seats of the next round's electorate, as announced so far
///     64  .. 127   64  arriving: seats that join the round after the next
///     128 .. 191   64  departing: seats that leave after the next round
///     192 .. 215   24  number: the round opened last; 0 before the first
///     216 .. 239   24  accepted: the round accepted last; 0 if there is none
///
/// The electorate of the open round stands in the round's own word. Announced changes move up by one place whenever a
/// round opens, and at no other time: so a pause changes nothing that was announced before it.
type Roster is uint256;

using RosterLibrary for Roster global;

/// @title Reading and writing the roster's word.
library RosterLibrary {
    uint256 private constant ARRIVING = 64;
    uint256 private constant DEPARTING = 128;
    uint256 private constant NUMBER = 192;
    uint256 private constant ACCEPTED = 216;

    function active(Roster self) internal pure returns (uint64) {
        return uint64(Roster.unwrap(self));
    }

    function arriving(Roster self) internal pure returns (uint64) {
        return uint64(Roster.unwrap(self) >> ARRIVING);
    }

    function departing(Roster self) internal pure returns (uint64) {
        return uint64(Roster.unwrap(self) >> DEPARTING);
    }

    function number(Roster self) internal pure returns (uint256) {
        return uint24(Roster.unwrap(self) >> NUMBER);
    }

    function accepted(Roster self) internal pure returns (uint256) {
        return uint24(Roster.unwrap(self) >> ACCEPTED);
    }

    /// @notice A new seat in the next round.
    function withActive(Roster self, uint256 seat) internal pure returns (Roster) {
        return Roster.wrap(Roster.unwrap(self) | (1 << seat));
    }

    /// @notice A new seat in the round after the next.
    function withArriving(Roster self, uint256 seat) internal pure returns (Roster) {
        return Roster.wrap(Roster.unwrap(self) | (1 << (ARRIVING + seat)));
    }

    /// @notice A seat that leaves after the next round.
    function withDeparting(Roster self, uint256 seat) internal pure returns (Roster) {
        return Roster.wrap(Roster.unwrap(self) | (1 << (DEPARTING + seat)));
    }

    /// @notice A seat that takes part in no further round.
    function without(Roster self, uint256 seat) internal pure returns (Roster) {
        uint256 bits = (1 << seat) | (1 << (ARRIVING + seat)) | (1 << (DEPARTING + seat));
        return Roster.wrap(Roster.unwrap(self) & ~bits);
    }

    function withAccepted(Roster self, uint256 round) internal pure returns (Roster) {
        return Roster.wrap((Roster.unwrap(self) & ((1 << ACCEPTED) - 1)) | (round << ACCEPTED));
    }

    /// @notice The roster once the next round has opened: what was announced moves up by one place.
    function opened(Roster self) internal pure returns (Roster) {
        uint64 next = (self.active() | self.arriving()) & ~self.departing();
        return Roster.wrap(uint256(next) | ((self.number() + 1) << NUMBER) | (self.accepted() << ACCEPTED));
    }
}
