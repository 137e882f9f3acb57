// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "./interfaces/IExperiment.sol";
import {Member, MemberLibrary, NO_END, Term, TermLibrary} from "./types/Membership.sol";
import {Roster} from "./types/Roster.sol";
import {Ballot, Closing, Round, RoundLibrary, Status} from "./types/Round.sol";

/// @title One collective-learning experiment.
/// @dev A round costs two new storage slots, its word and its digest, and no third. Tallies are counted from the word
/// when they are needed; the proposer is derived when a round opens, from the electorate and the last proposer.
contract Experiment is IExperiment {
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant LONGEST_WINDOW = 30 days;
    uint256 private constant SEATS = 64;
    uint8 private constant LAST_SEAT = 63;
    /// @dev HPKE (RFC 9180) with X25519 makes 32 + 48 bytes of a 32-byte key; the rest is room for other suites.
    uint256 private constant LONGEST_WRAPPED_KEY = 256;

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant BALLOT_TYPE = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");
    bytes32 private constant NAME_HASH = keccak256("colearn-chain");
    bytes32 private constant VERSION_HASH = keccak256("1");
    /// @dev Half the order of secp256k1: a larger s is the other form of a signature that exists already (EIP-2).
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    uint256 private immutable DEPLOYMENT_CHAIN;
    bytes32 private immutable DEPLOYMENT_DOMAIN;
    uint16 private immutable THRESHOLD_BPS;
    uint32 private immutable PROPOSAL_WINDOW;
    uint32 private immutable VOTING_WINDOW;
    uint32 private immutable CONTRIBUTION_WINDOW;
    uint8 private immutable MIN_LEARNERS;
    uint24 private immutable MAX_ROUNDS;
    uint8 private immutable IDLE_ROUNDS;
    uint40 private immutable START_DEADLINE;
    bool private immutable COUNT_PROPOSER;
    bool private immutable CLOSE_EARLY;

    /// @inheritdoc IExperiment
    bytes32 public immutable specDigest;
    /// @inheritdoc IExperiment
    address public immutable firstOrganizer;
    /// @inheritdoc IExperiment
    address public organizer;
    /// @inheritdoc IExperiment
    bytes32 public historyHash;

    Roster private _roster;
    mapping(uint256 number => Round) private _rounds;
    mapping(uint256 number => bytes32) private _digests;
    mapping(address learner => Member) private _members;
    mapping(uint256 membership => Term) private _terms;
    mapping(uint256 membership => bytes32) private _encryptionKeys;

    constructor(Rules memory rules_, bytes32 specDigest_) {
        _checkRules(rules_);
        if (specDigest_ == 0) revert EmptyDigest();
        DEPLOYMENT_CHAIN = block.chainid;
        DEPLOYMENT_DOMAIN = _domain();
        THRESHOLD_BPS = rules_.thresholdBps;
        PROPOSAL_WINDOW = rules_.proposalWindow;
        VOTING_WINDOW = rules_.votingWindow;
        CONTRIBUTION_WINDOW = rules_.contributionWindow;
        MIN_LEARNERS = rules_.minLearners;
        MAX_ROUNDS = rules_.maxRounds;
        IDLE_ROUNDS = rules_.idleRounds;
        START_DEADLINE = rules_.startDeadline;
        COUNT_PROPOSER = rules_.countProposer;
        CLOSE_EARLY = rules_.closeEarly;
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
        bool notice = _rounds[number].isOpen() && member.firstRound() <= number + 1;
        uint256 last = notice ? number + 1 : number;
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
        if (open ? member.lastRound() >= number : member.lastRound() > number) {
            revert AlreadyMember(msg.sender, member.lastRound());
        }
        (uint256 first, uint256 closings) = open ? (number + 2, number - 1) : (number + 1, number);
        if (first > MAX_ROUNDS) revert TooLateToJoin(first, MAX_ROUNDS);

        uint64 taken = roster.taken() | (open ? current.electorate() : 0);
        if (taken == type(uint64).max) revert NoSeatFree();
        uint8 seat = _lowestBit(~taken);
        _roster = open ? roster.withArriving(seat) : roster.withActive(seat);

        uint256 membership = roster.memberships();
        _terms[membership] = TermLibrary.begin(msg.sender, seat, first, closings);
        _members[msg.sender] = MemberLibrary.joining(seat, first, membership);
        if (encryptionKey != 0) _encryptionKeys[membership] = encryptionKey;
        historyHash = keccak256(abi.encode(historyHash, membership, msg.sender, seat, first, encryptionKey));
        emit Joined(msg.sender, membership, seat, first, encryptionKey);
    }

    /// @inheritdoc IExperiment
    function resign() external {
        Member member = _members[msg.sender];
        Roster roster = _roster;
        uint256 number = roster.number();
        if (member.lastRound() <= number) revert NotActive(msg.sender, member.lastRound());
        _end(msg.sender, member, roster, number);
    }

    /// @inheritdoc IExperiment
    function removeIdle(address learner) external {
        Member member = _members[learner];
        Roster roster = _roster;
        uint256 number = roster.number();
        if (member.lastRound() <= number) revert NotActive(learner, member.lastRound());
        _checkIdle(learner, member, number);
        _end(learner, member, roster, number);
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
        uint8 seat = _requireMember(number);
        if (!COUNT_PROPOSER && seat == current.proposer()) revert ProposerHasNoBallot(msg.sender, number);
        _requireProposed(number, digest);
        if (ballot == 0 || ballot > uint8(type(Ballot).max)) revert InvalidBallot(ballot);
        uint8 position = _position(seat);
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
        uint64 before = current.voted();
        bytes32 domain = domainSeparator();
        for (uint256 i = 0; i < 3; ++i) {
            Ballot ballot = Ballot(i + 1);
            bytes32 ballotHash = keccak256(abi.encode(BALLOT_TYPE, number, digest, ballot));
            bytes32 hash = keccak256(abi.encodePacked(hex"1901", domain, ballotHash));
            Signature[] calldata alike = signatures[i];
            for (uint256 j = 0; j < alike.length; ++j) {
                current = _count(number, current, ballot, _signer(hash, alike[j].r, uint256(alike[j].vs)));
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
        if (current.isAt(Status.Proposing)) {
            _close(number, current, 0, Status.Skipped, Closing.Deadline);
        } else {
            _close(number, current, _digests[number], _outcome(current), Closing.Deadline);
        }
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

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IExperiment
    function rules() external view returns (Rules memory) {
        return Rules({
            thresholdBps: THRESHOLD_BPS,
            proposalWindow: PROPOSAL_WINDOW,
            votingWindow: VOTING_WINDOW,
            contributionWindow: CONTRIBUTION_WINDOW,
            minLearners: MIN_LEARNERS,
            maxRounds: MAX_ROUNDS,
            idleRounds: IDLE_ROUNDS,
            startDeadline: START_DEADLINE,
            countProposer: COUNT_PROPOSER,
            closeEarly: CLOSE_EARLY
        });
    }

    /// @inheritdoc IExperiment
    function domainSeparator() public view returns (bytes32) {
        return block.chainid == DEPLOYMENT_CHAIN ? DEPLOYMENT_DOMAIN : _domain();
    }

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
        view_.electorate = word.electorate();
        view_.approvals = word.approvals();
        view_.rejections = word.rejections();
        view_.unavailables = word.unavailables();
        view_.proposer = word.proposer();
        view_.status = word.status();
        view_.closing = word.closing();
        view_.time = uint40(word.time());
        view_.digest = _digests[number];
    }

    /// @inheritdoc IExperiment
    function rounds(uint256 from, uint256 count) external view returns (RoundRecord[] memory records) {
        records = new RoundRecord[](_pageLength(from, count, _roster.number() + 1));
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
        uint256 from = current.isOpen() ? roster.number() : roster.number() + 1;
        uint64 seats = roster.taken() | (current.isOpen() ? current.electorate() : 0);
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
        view_.active = roster.active();
        view_.arriving = roster.changing() & ~roster.active();
        view_.departing = roster.changing() & roster.active();
        view_.roundWord = Round.unwrap(_rounds[number]);
        view_.roundDigest = _digests[number];
        view_.historyHash = historyHash;
        view_.memberships = roster.memberships();

        Member member = _members[learner];
        view_.invited = member.invited();
        view_.joined = member.firstRound() != 0;
        view_.seat = member.seat();
        view_.firstRound = uint24(member.firstRound());
        view_.lastRound = uint24(member.lastRound());
        view_.membership = member.membership();
    }

    // ---------------------------------------------------------------------------------------- life of a round

    /// @dev Stores the ballots of a round, and closes it if its outcome is known.
    function _record(uint256 number, Round current, bytes32 digest) private {
        uint64 missing = _voters(current) & ~current.voted();
        Closing how = Closing.None;
        if (missing == 0) how = Closing.Complete;
        else if (CLOSE_EARLY && _isCertain(current, missing)) how = Closing.Certain;
        if (how == Closing.None) _rounds[number] = current;
        else _close(number, current, digest, _outcome(current), how);
    }

    /// @dev Whether the ballots that are missing can change the outcome no more.
    function _isCertain(Round current, uint64 missing) private view returns (bool) {
        uint64 approvals = current.approvals();
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

    function _open(Roster roster, uint8 lastProposer) private {
        uint64 electorate = roster.active();
        uint8 proposer = _seatAfter(electorate, lastProposer);
        uint256 deadline = block.timestamp + PROPOSAL_WINDOW;
        roster = roster.opened();
        uint256 number = roster.number();
        _roster = roster;
        _rounds[number] = RoundLibrary.open(electorate, proposer, deadline);
        emit RoundOpened(number, electorate, proposer, deadline);
    }

    /// @dev Whose ballots count: never nobody's, since a round opens with two learners or more.
    function _voters(Round current) private view returns (uint64) {
        uint64 electorate = current.electorate();
        return COUNT_PROPOSER ? electorate : electorate & ~(uint64(1) << current.proposer());
    }

    function _isAccepted(Round current, uint64 approvals) private view returns (bool) {
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
        uint8 seat = member.seat();
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

    /// @dev The zero address for what is no signature.
    function _signer(bytes32 hash, bytes32 r, uint256 vs) private pure returns (address) {
        uint256 s = vs & (type(uint256).max >> 1);
        if (s > HALF_ORDER) return address(0);
        return ecrecover(hash, uint8(27 + (vs >> 255)), r, bytes32(s));
    }

    function _domain() private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
    }

    // -------------------------------------------------------------------------------------------- who may what

    /// @dev A former holder's word still names its seat, so the electorate's bit would not be enough.
    function _requireMember(uint256 number) private view returns (uint8 seat) {
        Member member = _members[msg.sender];
        if (!member.covers(number)) revert NotMember(msg.sender, number);
        return member.seat();
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
        if (_requireMember(number) != current.proposer()) revert NotProposer(msg.sender, number, current.proposer());
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
        uint8 seat = member.seat();
        for (uint256 number_ = number; number_ >= oldest;) {
            Round past = _rounds[number_];
            bool skipped = past.isAt(Status.Skipped);
            bool proposer = past.proposer() == seat;
            bool proposed = proposer && !skipped && !past.isAt(Status.Proposing);
            if (proposed || past.hasVoted(_position(seat))) revert TookPart(learner, number_);
            if (past.isClosedBy(Closing.Deadline) && proposer == skipped && ++misses == IDLE_ROUNDS) return;
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

    /// @dev Where the ballot of a seat stands in the round's word. With committees drawn from more than 64 learners it
    /// would be the place in the committee.
    function _position(uint8 seat) private pure returns (uint8) {
        return seat;
    }

    function _setOrganizer(address to) private {
        emit OrganizerChanged(organizer, to);
        organizer = to;
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

    /// @dev The next seat of the electorate after a seat, cyclically.
    function _seatAfter(uint64 electorate, uint8 seat) private pure returns (uint8) {
        uint64 above = electorate & (type(uint64).max << seat << 1);
        return _lowestBit(above != 0 ? above : electorate);
    }

    /// @dev The position of the lowest bit set, of which there must be one.
    function _lowestBit(uint64 bits) private pure returns (uint8) {
        unchecked {
            // bits & -bits keeps the lowest bit; one less has as many bits set as there are places below it.
            return uint8(RoundLibrary.popcount((bits & (~bits + 1)) - 1));
        }
    }

    /// @dev How many of `count` items from `from` on there are below `end`.
    function _pageLength(uint256 from, uint256 count, uint256 end) private pure returns (uint256) {
        if (from >= end) return 0;
        return count < end - from ? count : end - from;
    }

    function _checkRules(Rules memory rules_) private pure {
        _checkRange("thresholdBps", rules_.thresholdBps, 1, BASIS_POINTS);
        _checkRange("proposalWindow", rules_.proposalWindow, 1, LONGEST_WINDOW);
        _checkRange("votingWindow", rules_.votingWindow, 1, LONGEST_WINDOW);
        _checkRange("contributionWindow", rules_.contributionWindow, 0, rules_.proposalWindow - 1);
        _checkRange("minLearners", rules_.minLearners, 2, SEATS);
        // Two less than the largest number, so that a newcomer's first round is never NO_END.
        _checkRange("maxRounds", rules_.maxRounds, 1, NO_END - 2);
        _checkRange("idleRounds", rules_.idleRounds, 1, 32);
    }

    function _checkRange(bytes32 rule, uint256 value, uint256 least, uint256 most) private pure {
        if (value < least || value > most) revert RuleOutOfRange(rule, value, least, most);
    }
}
