// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FixedRules} from "./FixedRules.sol";
import {IExperiment} from "./interfaces/IExperiment.sol";
import {Member, Term} from "./types/Membership.sol";
import {Roster} from "./types/Roster.sol";
import {Ballot, Round, RoundLibrary, Status} from "./types/Round.sol";

/// @title What an experiment keeps, and how it is read.
/// @dev A round costs two new storage slots, its word and its digest, and no third. Numbers, seats and bitmaps of seats
/// are uint256 throughout, since narrower types are cut to size at each step; the ABI has the widths.
abstract contract ExperimentState is FixedRules {
    /// @inheritdoc IExperiment
    bytes32 public immutable specDigest;
    /// @inheritdoc IExperiment
    address public immutable firstOrganizer;
    /// @inheritdoc IExperiment
    address public organizer;
    /// @inheritdoc IExperiment
    bytes32 public historyHash;

    Roster internal _roster;
    mapping(uint256 number => Round) internal _rounds;
    mapping(uint256 number => bytes32) internal _digests;
    mapping(address learner => Member) internal _members;
    mapping(uint256 membership => Term) internal _terms;
    mapping(uint256 membership => bytes32) internal _encryptionKeys;

    /// @inheritdoc IExperiment
    function phase() public view returns (Phase) {
        uint256 number = _roster.number();
        Status status = _rounds[number].status();
        if (status == Status.Proposing) return Phase.Proposing;
        if (status == Status.Voting) return Phase.Voting;
        return number == MAX_ROUNDS ? Phase.Finished : Phase.Joining;
    }

    /// @inheritdoc IExperiment
    function round(uint256 number) external view returns (RoundView memory view_) {
        Round word = _rounds[number];
        view_.electorate = uint64(word.electorate());
        view_.approvals = uint64(word.approvals());
        view_.rejections = uint64(word.rejections());
        view_.unavailables = uint64(word.unavailables());
        view_.proposer = uint8(word.proposer());
        view_.status = word.status();
        view_.closing = word.closing();
        view_.time = uint40(word.time());
        view_.digest = _digests[number];
    }

    /// @inheritdoc IExperiment
    function rounds(uint256 from, uint256 count) external view returns (RoundRecord[] memory records) {
        records = new RoundRecord[](_pageLength(from, count, _roster.next()));
        for (uint256 i = 0; i < records.length; ++i) {
            records[i] = RoundRecord(Round.unwrap(_rounds[from + i]), _digests[from + i]);
        }
    }

    /// @inheritdoc IExperiment
    function ballotOf(uint256 number, uint256 membership) external view returns (Ballot) {
        if (membership >= _roster.memberships()) return Ballot.None;
        Term term = _terms[membership];
        if (number < term.firstRound() || number > term.lastRound()) return Ballot.None;
        return _rounds[number].ballotAt(_position(term.seat()));
    }

    /// @inheritdoc IExperiment
    function learners() external view returns (Membership[] memory list) {
        Roster roster = _roster;
        Round current = _rounds[roster.number()];
        uint256 from = current.isOpen() ? roster.number() : roster.next();
        uint256 seats = roster.taken() | (current.isOpen() ? current.electorate() : 0);
        list = new Membership[](RoundLibrary.popcount(seats));
        uint256 left = list.length;
        for (uint256 i = roster.memberships(); left != 0; --i) {
            Term term = _terms[i - 1];
            if (term.lastRound() >= from && term.lastRound() >= term.firstRound()) {
                list[--left] = _membership(i - 1);
            }
        }
    }

    /// @inheritdoc IExperiment
    function membershipCount() external view returns (uint256) {
        return _roster.memberships();
    }

    /// @inheritdoc IExperiment
    function memberships(uint256 from, uint256 count) external view returns (Membership[] memory list) {
        list = new Membership[](_pageLength(from, count, _roster.memberships()));
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = _membership(from + i);
        }
    }

    /// @inheritdoc IExperiment
    function snapshot(address learner) external view returns (Snapshot memory view_) {
        Roster roster = _roster;
        uint256 number = roster.number();
        view_.blockNumber = block.number;
        view_.timestamp = block.timestamp;
        view_.phase = phase();
        view_.number = uint24(number);
        view_.accepted = uint24(roster.accepted());
        view_.acceptedDigest = roster.accepted() == 0 ? specDigest : _digests[roster.accepted()];
        view_.active = uint64(roster.active());
        view_.arriving = uint64(roster.changing() & ~roster.active());
        view_.departing = uint64(roster.changing() & roster.active());
        view_.roundWord = Round.unwrap(_rounds[number]);
        view_.roundDigest = _digests[number];
        view_.historyHash = historyHash;
        view_.memberships = roster.memberships();

        Member member = _members[learner];
        view_.invited = member.invited();
        view_.joined = member.firstRound() != 0;
        view_.seat = uint8(member.seat());
        view_.firstRound = uint24(member.firstRound());
        view_.lastRound = uint24(member.lastRound());
        view_.membership = member.membership();
    }

    /// @dev Where the ballot of a seat stands in the round's word. With committees drawn from more than 64 learners it
    /// would be the place in the committee.
    function _position(uint256 seat) internal pure returns (uint256) {
        return seat;
    }

    function _membership(uint256 index) private view returns (Membership memory) {
        Term term = _terms[index];
        return Membership({
            learner: term.learner(),
            seat: term.seat(),
            firstRound: term.firstRound(),
            lastRound: term.lastRound(),
            closings: term.closings(),
            encryptionKey: _encryptionKeys[index]
        });
    }

    /// @dev How many of `count` items from `from` on there are below `end`.
    function _pageLength(uint256 from, uint256 count, uint256 end) private pure returns (uint256) {
        if (from >= end) return 0;
        return count < end - from ? count : end - from;
    }
}
