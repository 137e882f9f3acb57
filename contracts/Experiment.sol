// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ExperimentState} from "./ExperimentState.sol";
import {FixedRules} from "./FixedRules.sol";
import {SignedBallots} from "./SignedBallots.sol";
import {IExperiment} from "./interfaces/IExperiment.sol";
import {Member, MemberLibrary, NO_END, Term, TermLibrary} from "./types/Membership.sol";
import {Roster} from "./types/Roster.sol";
import {Ballot, Closing, Round, RoundLibrary, Status} from "./types/Round.sol";

/// @title One collective-learning experiment.
/// @dev Tallies are counted from the round's word when they are needed; the proposer is derived when a round opens, from
/// the electorate and the last proposer.
contract Experiment is ExperimentState, SignedBallots {
    uint256 private constant LAST_SEAT = SEATS - 1;
    /// @dev HPKE (RFC 9180) with X25519 makes 32 + 48 bytes of a 32-byte key; the rest is room for other suites.
    uint256 private constant LONGEST_WRAPPED_KEY = 256;

    constructor(Rules memory rules_, bytes32 specDigest_) FixedRules(rules_) {
        if (specDigest_ == 0) revert EmptyDigest();
        specDigest = specDigest_;
        firstOrganizer = msg.sender;
        organizer = msg.sender;
        historyHash = keccak256(abi.encode(block.chainid, address(this), rules_, specDigest_, msg.sender));
        emit OrganizerChanged(address(0), msg.sender);
    }

    // ------------------------------------------------------------------------------------ the organizer's calls

    modifier onlyOrganizer() {
        _requireOrganizer();
        _;
    }

    /// @inheritdoc IExperiment
    function invite(address[] calldata learners_) external onlyOrganizer {
        for (uint256 i = 0; i < learners_.length; ++i) {
            address learner = learners_[i];
            if (learner == address(0)) revert ZeroAddress();
            Member member = _members[learner];
            if (member.invited()) revert AlreadyInvited(learner);
            _members[learner] = member.withInvitation(true);
            emit Invited(learner);
        }
    }

    /// @inheritdoc IExperiment
    function remove(address learner) external onlyOrganizer {
        Member member = _members[learner];
        Roster roster = _roster;
        uint256 number = roster.number();
        // A round of notice is for one that is in the next round: whoever would end before it began ends at once.
        bool notice = _rounds[number].isOpen() && member.firstRound() <= roster.next();
        uint256 last = notice ? roster.next() : number;
        bool ends = last < member.lastRound();
        if (!ends && !member.invited()) revert NotActive(learner, member.lastRound());
        if (member.invited()) {
            member = member.withInvitation(false);
            _members[learner] = member;
            emit InvitationWithdrawn(learner);
        }
        if (ends) _end(learner, member, roster, last);
    }

    /// @inheritdoc IExperiment
    function transferOrganizer(address to) external onlyOrganizer {
        if (to == address(0)) revert ZeroAddress();
        _setOrganizer(to);
    }

    /// @inheritdoc IExperiment
    function renounceOrganizer() external onlyOrganizer {
        _setOrganizer(address(0));
    }

    // ------------------------------------------------------------------------------------------- membership

    /// @inheritdoc IExperiment
    function join(bytes32 encryptionKey) external {
        Member member = _members[msg.sender];
        if (!member.invited()) revert NotInvited(msg.sender);
        Roster roster = _roster;
        uint256 number = roster.number();
        Round current = _rounds[number];
        bool open = current.isOpen();
        uint256 ahead = open ? number : roster.next();
        if (member.lastRound() >= ahead) revert AlreadyMember(msg.sender, member.lastRound());
        uint256 first = open ? ahead + 2 : ahead;
        if (first > MAX_ROUNDS) revert TooLateToJoin(first, MAX_ROUNDS);

        uint256 taken = roster.taken() | (open ? current.electorate() : 0);
        if (taken == type(uint64).max) revert NoSeatFree();
        uint256 seat = _lowestBit(~taken);
        _roster = roster.withJoiner(seat, open);

        uint256 membership = roster.memberships();
        _terms[membership] = TermLibrary.begin(msg.sender, seat, first, ahead - 1);
        _members[msg.sender] = MemberLibrary.joining(seat, first, membership);
        if (encryptionKey != 0) _encryptionKeys[membership] = encryptionKey;
        historyHash = keccak256(abi.encode(historyHash, membership, msg.sender, seat, first, encryptionKey));
        emit Joined(msg.sender, membership, uint8(seat), first, encryptionKey);
    }

    /// @inheritdoc IExperiment
    function resign() external {
        (Member member, Roster roster) = _requireActive(msg.sender);
        _end(msg.sender, member, roster, roster.number());
    }

    /// @inheritdoc IExperiment
    function removeIdle(address learner) external {
        (Member member, Roster roster) = _requireActive(learner);
        _checkIdle(learner, member, roster.number());
        _end(learner, member, roster, roster.number());
    }

    // ------------------------------------------------------------------------------------------------ rounds

    /// @inheritdoc IExperiment
    function start() external {
        Phase phase_ = phase();
        if (phase_ != Phase.Joining) revert NotJoining(phase_);
        bool reserved = organizer != address(0) && block.timestamp <= START_DEADLINE;
        if (reserved && msg.sender != organizer) {
            revert StartReserved(msg.sender, START_DEADLINE);
        }
        Roster roster = _roster;
        uint256 active = RoundLibrary.popcount(roster.active());
        if (active < MIN_LEARNERS) revert TooFewLearners(active, MIN_LEARNERS);
        uint256 number = roster.number();
        // Before the first round nobody has had a turn: the seat after the highest is the lowest.
        _open(roster, number == 0 ? LAST_SEAT : _rounds[number].proposer());
    }

    /// @inheritdoc IExperiment
    function contribute(uint256 number, bytes32 digest) external {
        Round current = _rounds[number];
        if (!current.isAt(Status.Proposing)) revert NotProposing(number, current.status());
        uint256 until = CONTRIBUTION_WINDOW == 0 ? 0 : current.time() - PROPOSAL_WINDOW + CONTRIBUTION_WINDOW;
        if (block.timestamp > until) revert ContributionsClosed(number, until);
        _requireMember(number);
        if (digest == 0) revert EmptyDigest();
        emit Contributed(number, msg.sender, digest);
    }

    /// @inheritdoc IExperiment
    function propose(uint256 number, bytes32 digest) external {
        Round current = _requireProposer(number);
        if (digest == 0) revert EmptyDigest();
        uint256 deadline = block.timestamp + VOTING_WINDOW;
        _digests[number] = digest;
        _rounds[number] = current.toVoting(deadline);
        emit Proposed(number, msg.sender, digest, deadline);
    }

    /// @inheritdoc IExperiment
    function passTurn(uint256 number) external {
        Round current = _requireProposer(number);
        _close(number, current, 0, Status.Skipped, Closing.Passed);
    }

    /// @inheritdoc IExperiment
    function castBallot(uint256 number, bytes32 digest, uint8 ballot) external {
        Round current = _requireVoting(number);
        uint256 seat = _requireMember(number);
        if (!COUNT_PROPOSER && seat == current.proposer()) revert ProposerHasNoBallot(msg.sender, number);
        _requireProposed(number, digest);
        if (ballot == 0 || ballot > uint8(type(Ballot).max)) revert InvalidBallot(ballot);
        uint256 position = _position(seat);
        if (current.hasVoted(position)) revert AlreadyVoted(msg.sender, number, current.ballotAt(position));
        Ballot given = Ballot(ballot);
        emit Voted(number, msg.sender, given);
        _record(number, current.withBallot(position, given), digest);
    }

    /// @inheritdoc IExperiment
    function castBallots(uint256 number, bytes32 digest, Signature[][3] calldata signatures)
        external
        returns (uint256 counted)
    {
        Round current = _requireVoting(number);
        _requireProposed(number, digest);
        uint256 before = current.voted();
        bytes32 domain = domainSeparator();
        for (uint256 i = 0; i < 3; ++i) {
            Ballot ballot = Ballot(i + 1);
            bytes32 hash = _ballotHash(domain, number, digest, ballot);
            Signature[] calldata alike = signatures[i];
            for (uint256 j = 0; j < alike.length; ++j) {
                current = _count(number, current, ballot, _signer(hash, alike[j]));
            }
        }
        counted = RoundLibrary.popcount(current.voted() & ~before);
        if (counted != 0) _record(number, current, digest);
    }

    /// @inheritdoc IExperiment
    function advance(uint256 number) external {
        Round current = _rounds[number];
        if (!current.isOpen()) revert NotOpen(number, current.status());
        if (block.timestamp <= current.time()) revert DeadlineNotPassed(number, current.time());
        bool proposing = current.isAt(Status.Proposing);
        bytes32 digest = proposing ? bytes32(0) : _digests[number];
        Status outcome = proposing ? Status.Skipped : _outcome(current);
        _close(number, current, digest, outcome, Closing.Deadline);
    }

    // -------------------------------------------------------------------------------------------------- keys

    /// @inheritdoc IExperiment
    function askKey(uint256 number) external {
        _requireKeyHolder(number);
        emit KeyAsked(number, msg.sender);
    }

    /// @inheritdoc IExperiment
    function shareKey(uint256 number, address learner, bytes calldata wrapped) external {
        _requireKeyHolder(number);
        if (wrapped.length == 0 || wrapped.length > LONGEST_WRAPPED_KEY) {
            revert WrappedKeyLength(wrapped.length, LONGEST_WRAPPED_KEY);
        }
        _requireLearner(learner);
        emit KeyShared(number, msg.sender, learner, wrapped);
    }

    // ---------------------------------------------------------------------------------------- life of a round

    /// @dev Stores the ballots of a round, and closes it if its outcome is known.
    function _record(uint256 number, Round current, bytes32 digest) private {
        uint256 missing = _voters(current) & ~current.voted();
        Closing how = Closing.None;
        if (missing == 0) how = Closing.Complete;
        else if (CLOSE_EARLY && _isCertain(current, missing)) how = Closing.Certain;
        if (how == Closing.None) _rounds[number] = current;
        else _close(number, current, digest, _outcome(current), how);
    }

    /// @dev Whether the ballots that are missing can change the outcome no more.
    function _isCertain(Round current, uint256 missing) private view returns (bool) {
        uint256 approvals = current.approvals();
        return _isAccepted(current, approvals) || !_isAccepted(current, approvals | missing);
    }

    /// @dev What the ballots decide.
    function _outcome(Round current) private view returns (Status) {
        return _isAccepted(current, current.approvals()) ? Status.Accepted : Status.Rejected;
    }

    function _close(uint256 number, Round current, bytes32 digest, Status outcome, Closing how) private {
        current = current.toClosed(outcome, how, block.timestamp);
        _rounds[number] = current;
        bytes32 hash = keccak256(abi.encode(historyHash, number, current, digest));
        historyHash = hash;
        emit RoundClosed(number, outcome, how, hash);

        Roster roster = _roster;
        if (outcome == Status.Accepted) roster = roster.withAccepted(number);
        uint256 active = RoundLibrary.popcount(roster.active());
        if (number == MAX_ROUNDS) {
            _roster = roster;
            emit Finished(number);
        } else if (active < MIN_LEARNERS) {
            _roster = roster;
            emit Paused(number, active);
        } else {
            _open(roster, current.proposer());
        }
    }

    function _open(Roster roster, uint256 lastProposer) private {
        uint256 electorate = roster.active();
        uint256 proposer = _seatAfter(electorate, lastProposer);
        uint256 deadline = block.timestamp + PROPOSAL_WINDOW;
        roster = roster.opened();
        uint256 number = roster.number();
        _roster = roster;
        _rounds[number] = RoundLibrary.open(electorate, proposer, deadline);
        emit RoundOpened(number, uint64(electorate), uint8(proposer), deadline);
    }

    /// @dev Whose ballots count: never nobody's, since a round opens with two learners or more.
    function _voters(Round current) private view returns (uint256) {
        uint256 electorate = current.electorate();
        return COUNT_PROPOSER ? electorate : electorate & ~(1 << current.proposer());
    }

    function _isAccepted(Round current, uint256 approvals) private view returns (bool) {
        unchecked {
            // Both factors are small: 64 ballots, 10,000 basis points.
            return
                RoundLibrary.popcount(approvals) * BASIS_POINTS
                    >= THRESHOLD_BPS * RoundLibrary.popcount(_voters(current));
        }
    }

    // ------------------------------------------------------------------------------------------ signed ballots

    /// @dev The round with a signed ballot, or as it was, with an event that says why.
    function _count(uint256 number, Round current, Ballot ballot, address signer) private returns (Round) {
        Member member = _members[signer];
        uint256 seat = member.seat();
        Skip reason;
        if (signer == address(0)) {
            reason = Skip.BadSignature;
        } else if (!member.covers(number)) {
            reason = Skip.NotMember;
        } else if (!COUNT_PROPOSER && seat == current.proposer()) {
            reason = Skip.NoBallot;
        } else if (current.hasVoted(_position(seat))) {
            reason = Skip.AlreadyVoted;
        } else {
            emit Voted(number, signer, ballot);
            return current.withBallot(_position(seat), ballot);
        }
        emit BallotSkipped(number, signer, ballot, reason);
        return current;
    }

    // -------------------------------------------------------------------------------------------- who may what

    /// @dev A former holder's word still names its seat, so the electorate's bit would not be enough.
    function _requireMember(uint256 number) private view returns (uint256 seat) {
        Member member = _members[msg.sender];
        if (!member.covers(number)) revert NotMember(msg.sender, number);
        return member.seat();
    }

    function _requireActive(address learner) private view returns (Member member, Roster roster) {
        member = _members[learner];
        roster = _roster;
        if (member.lastRound() <= roster.number()) revert NotActive(learner, member.lastRound());
    }

    function _requireOrganizer() private view {
        if (msg.sender != organizer) revert NotOrganizer(msg.sender);
    }

    function _requireKeyHolder(uint256 number) private view {
        _requireLearner(msg.sender);
        if (_digests[number] == 0) revert NoProposal(number);
    }

    function _requireVoting(uint256 number) private view returns (Round current) {
        current = _rounds[number];
        if (!current.isAt(Status.Voting)) revert NotVoting(number, current.status());
        if (block.timestamp > current.time()) revert DeadlinePassed(number, current.time());
    }

    function _requireProposed(uint256 number, bytes32 digest) private view {
        bytes32 proposed = _digests[number];
        if (digest != proposed) revert DigestMismatch(number, digest, proposed);
    }

    function _requireProposer(uint256 number) private view returns (Round current) {
        current = _rounds[number];
        if (!current.isAt(Status.Proposing)) revert NotProposing(number, current.status());
        if (block.timestamp > current.time()) revert DeadlinePassed(number, current.time());
        if (_requireMember(number) != current.proposer()) {
            revert NotProposer(msg.sender, number, uint8(current.proposer()));
        }
    }

    /// @dev Keys are for everyone whose membership has not ended before the round opened last, newcomers included.
    function _requireLearner(address learner) private view {
        Member member = _members[learner];
        uint256 number = _roster.number();
        bool ended = member.lastRound() < number || member.lastRound() < member.firstRound();
        if (member.firstRound() == 0 || ended) revert NotMember(learner, number);
    }

    /// @dev See `removeIdle`. A round that a learner could not have missed says nothing about it.
    function _checkIdle(address learner, Member member, uint256 number) private view {
        uint256 misses = 0;
        uint256 furthest = SEATS * IDLE_ROUNDS;
        uint256 oldest = number >= member.firstRound() + furthest ? number - furthest + 1 : member.firstRound();
        uint256 seat = member.seat();
        for (uint256 number_ = number; number_ >= oldest;) {
            Round past = _rounds[number_];
            bool skipped = past.isAt(Status.Skipped);
            bool proposer = past.proposer() == seat;
            bool tookPart = proposer ? !skipped && !past.isAt(Status.Proposing) : past.hasVoted(_position(seat));
            if (tookPart) revert TookPart(learner, number_);
            if (proposer == skipped && past.isClosedBy(Closing.Deadline) && ++misses == IDLE_ROUNDS) return;
            unchecked {
                --number_; // not below zero: oldest is 1 or more
            }
        }
        revert TooFewMisses(learner, misses, IDLE_ROUNDS);
    }

    // ------------------------------------------------------------------------------------------------- helpers

    /// @dev Sets the last round of a membership; its seat leaves after the next round, or at once.
    function _end(address learner, Member member, Roster roster, uint256 last) private {
        uint256 membership = member.membership();
        _members[learner] = member.withLastRound(last);
        _terms[membership] = _terms[membership].withLastRound(last);
        _roster = last > roster.number() ? roster.withDeparting(member.seat()) : roster.without(member.seat());
        emit MembershipEnded(learner, membership, last);
    }

    function _setOrganizer(address to) private {
        emit OrganizerChanged(organizer, to);
        organizer = to;
    }

    /// @dev The next seat of the electorate after a seat, cyclically.
    function _seatAfter(uint256 electorate, uint256 seat) private pure returns (uint256) {
        uint256 above = electorate & (type(uint256).max << seat << 1);
        return _lowestBit(above != 0 ? above : electorate);
    }

    /// @dev The position of the lowest bit set, of which there must be one.
    function _lowestBit(uint256 bits) private pure returns (uint256) {
        unchecked {
            // bits & -bits keeps the lowest bit; one less has as many bits set as there are places below it.
            return RoundLibrary.popcount((bits & (~bits + 1)) - 1);
        }
    }
}
