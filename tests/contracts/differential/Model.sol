// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";

/// @title The whole contract once more, to be read: plain structs, arrays and loops, nothing packed.
/// @dev It keeps no roster: who is in a round follows from the list of memberships alone. It speaks in the name of the
/// contract that it stands beside, so that history hashes and signatures are the same.
contract Model is IExperiment {
    struct PlainRound {
        bool[64] electorate;
        Ballot[64] ballots;
        uint8 proposer;
        Status status;
        Closing closing;
        uint256 time;
        bytes32 digest;
    }

    uint256 private constant NO_END = type(uint24).max;

    address private immutable TWIN;

    address public organizer;
    address public firstOrganizer;
    bytes32 public specDigest;
    bytes32 public historyHash;

    Rules private _rules;
    uint256 private _number;
    uint256 private _accepted;
    mapping(uint256 number => PlainRound) private _plain;
    mapping(address learner => bool) private _invited;
    Membership[] private _memberships;

    constructor(address twin, Rules memory rules_, bytes32 spec) {
        TWIN = twin;
        _rules = rules_;
        specDigest = spec;
        organizer = msg.sender;
        firstOrganizer = msg.sender;
        historyHash = keccak256(abi.encode(block.chainid, twin, rules_, spec, msg.sender));
    }

    // ------------------------------------------------------------------------------------ the organizer's calls

    modifier onlyOrganizer() {
        if (msg.sender != organizer) revert NotOrganizer(msg.sender);
        _;
    }

    function invite(address[] calldata list) external onlyOrganizer {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == address(0)) revert ZeroAddress();
            if (_invited[list[i]]) revert AlreadyInvited(list[i]);
            _invited[list[i]] = true;
            emit Invited(list[i]);
        }
    }

    function remove(address learner) external onlyOrganizer {
        uint256 latest = _latest(learner);
        bool begun = latest == _memberships.length || _memberships[latest].firstRound <= _number + 1;
        uint256 last = _isOpen() && begun ? _number + 1 : _number;
        bool ends = last < _lastRoundOf(learner);
        if (!ends && !_invited[learner]) revert NotActive(learner, _lastRoundOf(learner));
        if (_invited[learner]) {
            _invited[learner] = false;
            emit InvitationWithdrawn(learner);
        }
        if (ends) _end(learner, last);
    }

    function transferOrganizer(address to) external onlyOrganizer {
        if (to == address(0)) revert ZeroAddress();
        emit OrganizerChanged(organizer, to);
        organizer = to;
    }

    function renounceOrganizer() external onlyOrganizer {
        emit OrganizerChanged(organizer, address(0));
        organizer = address(0);
    }

    // ------------------------------------------------------------------------------------------- membership

    function join(bytes32 encryptionKey) external {
        if (!_invited[msg.sender]) revert NotInvited(msg.sender);
        uint256 next = _number + 1;
        uint256 lastSoFar = _lastRoundOf(msg.sender);
        if (lastSoFar >= (_isOpen() ? _number : next)) revert AlreadyMember(msg.sender, lastSoFar);
        uint256 first = _isOpen() ? next + 1 : next;
        if (first > _rules.maxRounds) revert TooLateToJoin(first, _rules.maxRounds);
        uint8 seat = _lowestFreeSeat();
        uint256 index = _memberships.length;
        uint256 closed = _isOpen() ? _number - 1 : _number;
        _memberships.push(Membership(msg.sender, seat, uint24(first), uint24(NO_END), uint24(closed), encryptionKey));
        historyHash = keccak256(abi.encode(historyHash, index, msg.sender, seat, first, encryptionKey));
        emit Joined(msg.sender, index, seat, first, encryptionKey);
    }

    function resign() external {
        _mustHaveALaterEnd(msg.sender);
        _end(msg.sender, _number);
    }

    function removeIdle(address learner) external {
        _mustHaveALaterEnd(learner);
        Membership storage m = _memberships[_latest(learner)];
        uint256 misses = 0;
        uint256 seen = 0;
        for (uint256 n = _number; n >= m.firstRound && seen < 64 * uint256(_rules.idleRounds); --n) {
            ++seen;
            PlainRound storage r = _plain[n];
            if (r.ballots[m.seat] != Ballot.None) revert TookPart(learner, n);
            bool itsTurn = r.proposer == m.seat;
            if (itsTurn && r.digest != 0) revert TookPart(learner, n);
            bool letItsTurnLapse = itsTurn && r.status == Status.Skipped && r.closing == Closing.Deadline;
            bool letTheVoteLapse = !itsTurn && r.digest != 0 && r.closing == Closing.Deadline;
            if (letItsTurnLapse || letTheVoteLapse) ++misses;
            if (misses == _rules.idleRounds) break;
        }
        if (misses < _rules.idleRounds) revert TooFewMisses(learner, misses, _rules.idleRounds);
        _end(learner, _number);
    }

    // ------------------------------------------------------------------------------------------------ rounds

    function start() external {
        Phase phase_ = phase();
        if (phase_ != Phase.Joining) revert NotJoining(phase_);
        bool reserved = organizer != address(0) && block.timestamp <= _rules.startDeadline;
        if (reserved && msg.sender != organizer) {
            revert StartReserved(msg.sender, _rules.startDeadline);
        }
        uint256 ready = _countIn(_number + 1);
        if (ready < _rules.minLearners) revert TooFewLearners(ready, _rules.minLearners);
        _open();
    }

    function contribute(uint256 number, bytes32 digest) external {
        PlainRound storage r = _plain[number];
        if (r.status != Status.Proposing) revert NotProposing(number, r.status);
        uint256 openedAt = r.time - _rules.proposalWindow;
        uint256 until = _rules.contributionWindow == 0 ? 0 : openedAt + _rules.contributionWindow;
        if (block.timestamp > until) revert ContributionsClosed(number, until);
        _seatIn(number);
        if (digest == 0) revert EmptyDigest();
        emit Contributed(number, msg.sender, digest);
    }

    function propose(uint256 number, bytes32 digest) external {
        _mustBeProposer(number);
        if (digest == 0) revert EmptyDigest();
        PlainRound storage r = _plain[number];
        r.status = Status.Voting;
        r.time = block.timestamp + _rules.votingWindow;
        r.digest = digest;
        emit Proposed(number, msg.sender, digest, r.time);
    }

    function passTurn(uint256 number) external {
        _mustBeProposer(number);
        _close(Status.Skipped, Closing.Passed);
    }

    function castBallot(uint256 number, bytes32 digest, uint8 ballot) external {
        _mustBeVoting(number);
        uint8 seat = _seatIn(number);
        PlainRound storage r = _plain[number];
        if (!_rules.countProposer && seat == r.proposer) revert ProposerHasNoBallot(msg.sender, number);
        if (digest != r.digest) revert DigestMismatch(number, digest, r.digest);
        if (ballot < 1 || ballot > 3) revert InvalidBallot(ballot);
        if (r.ballots[seat] != Ballot.None) revert AlreadyVoted(msg.sender, number, r.ballots[seat]);
        r.ballots[seat] = Ballot(ballot);
        emit Voted(number, msg.sender, Ballot(ballot));
        _closeIfDecided();
    }

    function castBallots(uint256 number, bytes32 digest, Signature[][3] calldata signatures)
        external
        returns (uint256 counted)
    {
        _mustBeVoting(number);
        PlainRound storage r = _plain[number];
        if (digest != r.digest) revert DigestMismatch(number, digest, r.digest);
        for (uint8 ballot = 1; ballot <= 3; ++ballot) {
            for (uint256 i = 0; i < signatures[ballot - 1].length; ++i) {
                if (_castSigned(number, Ballot(ballot), signatures[ballot - 1][i])) ++counted;
            }
        }
        if (counted > 0) _closeIfDecided();
    }

    function advance(uint256 number) external {
        PlainRound storage r = _plain[number];
        if (r.status != Status.Proposing && r.status != Status.Voting) revert NotOpen(number, r.status);
        if (block.timestamp <= r.time) revert DeadlineNotPassed(number, r.time);
        _close(r.status == Status.Proposing ? Status.Skipped : _outcome(r), Closing.Deadline);
    }

    // -------------------------------------------------------------------------------------------------- keys

    function askKey(uint256 number) external {
        _mustBeLearner(msg.sender);
        if (_plain[number].digest == 0) revert NoProposal(number);
        emit KeyAsked(number, msg.sender);
    }

    function shareKey(uint256 number, address learner, bytes calldata wrapped) external {
        _mustBeLearner(msg.sender);
        if (_plain[number].digest == 0) revert NoProposal(number);
        if (wrapped.length == 0 || wrapped.length > 256) revert WrappedKeyLength(wrapped.length, 256);
        _mustBeLearner(learner);
        emit KeyShared(number, msg.sender, learner, wrapped);
    }

    // ------------------------------------------------------------------------------------------------- views

    function rules() external view returns (Rules memory) {
        return _rules;
    }

    function domainSeparator() public view returns (bytes32) {
        bytes32 kind = keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        return keccak256(abi.encode(kind, keccak256("colearn-chain"), keccak256("1"), block.chainid, TWIN));
    }

    function phase() public view returns (Phase) {
        if (_plain[_number].status == Status.Proposing) return Phase.Proposing;
        if (_plain[_number].status == Status.Voting) return Phase.Voting;
        return _number == _rules.maxRounds ? Phase.Finished : Phase.Joining;
    }

    function round(uint256 number) external view returns (RoundView memory view_) {
        PlainRound storage r = _plain[number];
        for (uint256 seat = 0; seat < 64; ++seat) {
            uint64 bit = uint64(2 ** seat);
            if (r.electorate[seat]) view_.electorate |= bit;
            if (r.ballots[seat] == Ballot.Approve) view_.approvals |= bit;
            if (r.ballots[seat] == Ballot.Reject) view_.rejections |= bit;
            if (r.ballots[seat] == Ballot.Unavailable) view_.unavailables |= bit;
        }
        view_.proposer = r.proposer;
        view_.status = r.status;
        view_.closing = r.closing;
        view_.time = uint40(r.time);
        view_.digest = r.digest;
    }

    function rounds(uint256 from, uint256 count) external view returns (RoundRecord[] memory records) {
        records = new RoundRecord[](_length(from, count, _number + 1));
        for (uint256 i = 0; i < records.length; ++i) {
            records[i] = RoundRecord(_word(_plain[from + i]), _plain[from + i].digest);
        }
    }

    function ballotOf(uint256 number, uint256 membership) external view returns (Ballot) {
        if (membership >= _memberships.length) return Ballot.None;
        Membership storage m = _memberships[membership];
        return _covers(m, number) ? _plain[number].ballots[m.seat] : Ballot.None;
    }

    function learners() external view returns (Membership[] memory list) {
        uint256 from = _isOpen() ? _number : _number + 1;
        Membership[] memory all = new Membership[](_memberships.length);
        uint256 count = 0;
        for (uint256 i = 0; i < all.length; ++i) {
            Membership storage m = _memberships[i];
            if (m.lastRound >= from && m.lastRound >= m.firstRound) all[count++] = m;
        }
        list = new Membership[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = all[i];
        }
    }

    function membershipCount() external view returns (uint256) {
        return _memberships.length;
    }

    function memberships(uint256 from, uint256 count) external view returns (Membership[] memory list) {
        list = new Membership[](_length(from, count, _memberships.length));
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = _memberships[from + i];
        }
    }

    function snapshot(address learner) external view returns (Snapshot memory view_) {
        view_.blockNumber = block.number;
        view_.timestamp = block.timestamp;
        view_.phase = phase();
        view_.number = uint24(_number);
        view_.accepted = uint24(_accepted);
        view_.acceptedDigest = _accepted == 0 ? specDigest : _plain[_accepted].digest;
        for (uint256 i = 0; i < _memberships.length; ++i) {
            Membership storage m = _memberships[i];
            uint64 bit = uint64(2 ** uint256(m.seat));
            if (_covers(m, _number + 1)) view_.active |= bit;
            if (m.firstRound == _number + 2 && m.lastRound >= m.firstRound) view_.arriving |= bit;
            if (m.lastRound == _number + 1 && m.lastRound >= m.firstRound) view_.departing |= bit;
        }
        view_.roundWord = _word(_plain[_number]);
        view_.roundDigest = _plain[_number].digest;
        view_.historyHash = historyHash;
        view_.memberships = _memberships.length;
        view_.invited = _invited[learner];
        uint256 latest = _latest(learner);
        if (latest == _memberships.length) return view_;
        view_.joined = true;
        view_.seat = _memberships[latest].seat;
        view_.firstRound = _memberships[latest].firstRound;
        view_.lastRound = _memberships[latest].lastRound;
        view_.membership = latest;
    }

    // ---------------------------------------------------------------------------------------- life of a round

    function _isOpen() private view returns (bool) {
        return _plain[_number].status == Status.Proposing || _plain[_number].status == Status.Voting;
    }

    function _open() private {
        uint256 proposedLast = _number == 0 ? 63 : _plain[_number].proposer;
        PlainRound storage r = _plain[++_number];
        for (uint256 i = 0; i < _memberships.length; ++i) {
            if (_covers(_memberships[i], _number)) r.electorate[_memberships[i].seat] = true;
        }
        uint256 seat = (proposedLast + 1) % 64;
        while (!r.electorate[seat]) {
            seat = (seat + 1) % 64;
        }
        r.proposer = uint8(seat);
        r.status = Status.Proposing;
        r.time = block.timestamp + _rules.proposalWindow;
        emit RoundOpened(_number, uint64(_word(r)), r.proposer, r.time);
    }

    function _close(Status outcome, Closing how) private {
        PlainRound storage r = _plain[_number];
        r.status = outcome;
        r.closing = how;
        r.time = block.timestamp;
        historyHash = keccak256(abi.encode(historyHash, _number, _word(r), r.digest));
        emit RoundClosed(_number, outcome, how, historyHash);
        if (outcome == Status.Accepted) _accepted = _number;
        uint256 ready = _countIn(_number + 1);
        if (_number == _rules.maxRounds) emit Finished(_number);
        else if (ready < _rules.minLearners) emit Paused(_number, ready);
        else _open();
    }

    function _closeIfDecided() private {
        PlainRound storage r = _plain[_number];
        (uint256 voters, uint256 cast, uint256 approvals) = _tally(r);
        bool accepted = _suffices(approvals, voters);
        bool hopeless = !_suffices(approvals + (voters - cast), voters);
        if (cast == voters) _close(_outcome(r), Closing.Complete);
        else if (_rules.closeEarly && (accepted || hopeless)) _close(_outcome(r), Closing.Certain);
    }

    function _outcome(PlainRound storage r) private view returns (Status) {
        (uint256 voters,, uint256 approvals) = _tally(r);
        return _suffices(approvals, voters) ? Status.Accepted : Status.Rejected;
    }

    function _tally(PlainRound storage r) private view returns (uint256 voters, uint256 cast, uint256 approvals) {
        for (uint256 seat = 0; seat < 64; ++seat) {
            if (r.electorate[seat] && (_rules.countProposer || seat != r.proposer)) ++voters;
            if (r.ballots[seat] != Ballot.None) ++cast;
            if (r.ballots[seat] == Ballot.Approve) ++approvals;
        }
    }

    function _suffices(uint256 approvals, uint256 voters) private view returns (bool) {
        return approvals * 10_000 >= uint256(_rules.thresholdBps) * voters;
    }

    function _castSigned(uint256 number, Ballot ballot, Signature calldata signature) private returns (bool) {
        PlainRound storage r = _plain[number];
        address signer = _recover(number, r.digest, ballot, signature);
        Skip reason;
        if (signer == address(0)) {
            reason = Skip.BadSignature;
        } else if (!_isMemberIn(signer, number)) {
            reason = Skip.NotMember;
        } else {
            uint8 seat = _memberships[_latest(signer)].seat;
            if (!_rules.countProposer && seat == r.proposer) {
                reason = Skip.NoBallot;
            } else if (r.ballots[seat] != Ballot.None) {
                reason = Skip.AlreadyVoted;
            } else {
                r.ballots[seat] = ballot;
                emit Voted(number, signer, ballot);
                return true;
            }
        }
        emit BallotSkipped(number, signer, ballot, reason);
        return false;
    }

    function _recover(uint256 number, bytes32 digest, Ballot ballot, Signature calldata signature)
        private
        view
        returns (address)
    {
        bytes32 kind = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");
        bytes32 signed = keccak256(abi.encode(kind, number, digest, ballot));
        signed = keccak256(abi.encodePacked(bytes2(0x1901), domainSeparator(), signed));
        uint256 s = uint256(signature.vs) % 2 ** 255;
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        if (s > order / 2) return address(0);
        return ecrecover(signed, uint256(signature.vs) >= 2 ** 255 ? 28 : 27, signature.r, bytes32(s));
    }

    // ------------------------------------------------------------------------------------------- memberships

    /// @dev The index of the latest membership, or as many as there are: it has none.
    function _latest(address learner) private view returns (uint256) {
        for (uint256 i = _memberships.length; i > 0; --i) {
            if (_memberships[i - 1].learner == learner) return i - 1;
        }
        return _memberships.length;
    }

    function _lastRoundOf(address learner) private view returns (uint256) {
        uint256 latest = _latest(learner);
        return latest == _memberships.length ? 0 : _memberships[latest].lastRound;
    }

    function _covers(Membership storage m, uint256 number) private view returns (bool) {
        return m.firstRound <= number && number <= m.lastRound;
    }

    function _isMemberIn(address learner, uint256 number) private view returns (bool) {
        uint256 latest = _latest(learner);
        return latest < _memberships.length && _covers(_memberships[latest], number);
    }

    function _countIn(uint256 number) private view returns (uint256 count) {
        for (uint256 i = 0; i < _memberships.length; ++i) {
            if (_covers(_memberships[i], number)) ++count;
        }
    }

    /// @dev Taken are the seats of the open round, and of memberships that go on after it or were to begin.
    function _lowestFreeSeat() private view returns (uint8) {
        for (uint8 seat = 0; seat < 64; ++seat) {
            bool taken = _isOpen() && _plain[_number].electorate[seat];
            for (uint256 i = 0; i < _memberships.length && !taken; ++i) {
                Membership storage m = _memberships[i];
                taken = m.seat == seat && m.lastRound > _number && m.lastRound >= m.firstRound;
            }
            if (!taken) return seat;
        }
        revert NoSeatFree();
    }

    function _end(address learner, uint256 last) private {
        uint256 latest = _latest(learner);
        _memberships[latest].lastRound = uint24(last);
        emit MembershipEnded(learner, latest, last);
    }

    // -------------------------------------------------------------------------------------------- conditions

    function _mustHaveALaterEnd(address learner) private view {
        if (_lastRoundOf(learner) <= _number) revert NotActive(learner, _lastRoundOf(learner));
    }

    function _mustBeLearner(address learner) private view {
        uint256 latest = _latest(learner);
        if (latest == _memberships.length) revert NotMember(learner, _number);
        Membership storage m = _memberships[latest];
        if (m.lastRound < _number || m.lastRound < m.firstRound) revert NotMember(learner, _number);
    }

    function _seatIn(uint256 number) private view returns (uint8) {
        if (!_isMemberIn(msg.sender, number)) revert NotMember(msg.sender, number);
        return _memberships[_latest(msg.sender)].seat;
    }

    function _mustBeProposer(uint256 number) private view {
        PlainRound storage r = _plain[number];
        if (r.status != Status.Proposing) revert NotProposing(number, r.status);
        if (block.timestamp > r.time) revert DeadlinePassed(number, r.time);
        if (_seatIn(number) != r.proposer) revert NotProposer(msg.sender, number, r.proposer);
    }

    function _mustBeVoting(uint256 number) private view {
        PlainRound storage r = _plain[number];
        if (r.status != Status.Voting) revert NotVoting(number, r.status);
        if (block.timestamp > r.time) revert DeadlinePassed(number, r.time);
    }

    // ----------------------------------------------------------------------------------------------- helpers

    /// @dev The round as types/Round.sol lays it out, by addition.
    function _word(PlainRound storage r) private view returns (uint256 word) {
        for (uint256 seat = 0; seat < 64; ++seat) {
            Ballot ballot = r.ballots[seat];
            if (r.electorate[seat]) word += 2 ** seat;
            if (ballot == Ballot.Approve || ballot == Ballot.Unavailable) word += 2 ** (64 + seat);
            if (ballot == Ballot.Reject || ballot == Ballot.Unavailable) word += 2 ** (128 + seat);
        }
        word += uint256(r.proposer) * 2 ** 192 + uint256(r.status) * 2 ** 200 + uint256(r.closing) * 2 ** 208;
        word += r.time * 2 ** 216;
    }

    function _length(uint256 from, uint256 count, uint256 end) private pure returns (uint256) {
        uint256 left = from < end ? end - from : 0;
        return count < left ? count : left;
    }
}
