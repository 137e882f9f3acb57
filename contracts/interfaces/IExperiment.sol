// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ballot, Closing, Status} from "../types/Round.sol";

/// @title One collective-learning experiment: its members, its rounds, its history.
/// @notice In each round one learner proposes a model by its digest, the others test it on their own private data and
/// vote, and if enough approve it becomes the model of all. Nobody, the organizer included, has a say in an open round.
/// A window is open while `block.timestamp <= deadline`.
interface IExperiment {
    // ------------------------------------------------------------------------------------------------ types

    /// @notice The rules, fixed at deployment.
    struct Rules {
        uint16 thresholdBps; // accepted iff approvals * 10,000 >= thresholdBps * voters; 1 to 10,000
        uint32 proposalWindow; // seconds a proposer has; 1 s to 30 days
        uint32 votingWindow; // seconds the voters have; 1 s to 30 days
        uint32 contributionWindow; // 0: one learner proposes; else fan-in rounds, shorter than the proposal window
        uint8 minLearners; // a round opens with at least so many; 2 to 64
        uint24 maxRounds; // 1 to 2^24 - 3
        uint8 idleRounds; // so many misses in a row end a membership, if anyone asks for it; 1 to 32
        uint40 startDeadline; // after it, anyone may start (seconds since 1970)
        bool countProposer; // whether the proposer is one of the voters
        bool closeEarly; // whether a round closes once its outcome is certain
    }

    /// @notice A signature in the short form of EIP-2098: `vs` is s with the recovery bit on top.
    struct Signature {
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Why a signed ballot in a batch was not counted.
    enum Skip {
        BadSignature, // no signer could be recovered, or s is in the upper half (EIP-2)
        NotMember, // no membership of the signer covers the round
        NoBallot, // the signer is the proposer, whose ballot does not count
        AlreadyVoted
    }

    /// @notice Where the experiment stands.
    enum Phase {
        Joining, // no round is open: before the first start, or paused for want of learners
        Proposing,
        Voting,
        Finished // maxRounds are closed
    }

    /// @notice A round as people read it.
    struct RoundView {
        uint64 electorate; // bit s: the learner on seat s may take part
        uint64 approvals; // bit s: that learner approved; likewise below
        uint64 rejections;
        uint64 unavailables;
        uint8 proposer; // a seat
        Status status;
        Closing closing;
        uint40 time; // deadline of the open window; once closed, when it closed
        bytes32 digest; // zero: nothing was proposed
    }

    /// @notice A round as it is stored: `word` has the layout of types/Round.sol.
    struct RoundRecord {
        uint256 word;
        bytes32 digest;
    }

    /// @notice Who sat where, in which rounds. `lastRound` is 2^24 - 1 while there is no end.
    struct Membership {
        address learner;
        uint8 seat;
        uint24 firstRound;
        uint24 lastRound; // less than firstRound: ended before it began
        uint24 closings; // how many rounds had closed when it was made
        bytes32 encryptionKey; // X25519 public key; zero: none
    }

    /// @notice All that a learner's agent needs to decide what to do next, as of one block.
    struct Snapshot {
        uint256 blockNumber;
        uint256 timestamp;
        Phase phase;
        uint24 number; // the open round; in Joining and Finished the last closed one, 0 if there is none
        uint24 accepted; // the last accepted round; 0: none, the spec's first weights hold
        bytes32 acceptedDigest; // its digest; the spec's digest if there is none
        uint64 active; // seats of the next round's electorate, as announced so far
        uint64 arriving; // seats that join the round after the next
        uint64 departing; // seats that leave after the next round
        uint256 roundWord; // round `number`
        bytes32 roundDigest;
        bytes32 historyHash;
        uint256 memberships; // how many have been made
        bool invited; // the learner has an invitation
        bool joined; // the learner has, or had, a membership; the rest is the latest one
        uint8 seat;
        uint24 firstRound;
        uint24 lastRound;
        uint256 membership; // its index
    }

    // ----------------------------------------------------------------------------------------------- events

    event OrganizerChanged(address indexed from, address indexed to);
    event Invited(address indexed learner);
    event InvitationWithdrawn(address indexed learner);
    event Joined(
        address indexed learner, uint256 indexed membership, uint8 seat, uint256 firstRound, bytes32 encryptionKey
    );
    /// @notice A membership's end was set, or brought forward.
    event MembershipEnded(address indexed learner, uint256 indexed membership, uint256 lastRound);
    event RoundOpened(uint256 indexed round, uint64 electorate, uint8 proposer, uint256 deadline);
    /// @notice A learner announced its update for the proposer to aggregate; nothing is stored.
    event Contributed(uint256 indexed round, address indexed learner, bytes32 digest);
    event Proposed(uint256 indexed round, address indexed proposer, bytes32 digest, uint256 deadline);
    event Voted(uint256 indexed round, address indexed learner, Ballot ballot);
    /// @notice A signed ballot was not counted; the others in its batch were. A signature over another round, digest,
    /// ballot, contract or chain recovers to an address that nobody knows, so it shows as NotMember.
    event BallotSkipped(uint256 indexed round, address indexed signer, Ballot ballot, Skip reason);
    event RoundClosed(uint256 indexed round, Status outcome, Closing closing, bytes32 historyHash);
    /// @notice No round is open: fewer than minLearners would have been in it.
    event Paused(uint256 indexed lastRound, uint256 learners);
    event Finished(uint256 indexed lastRound);
    /// @notice A learner cannot open this round's artefact and asks for its content key; nothing is stored.
    event KeyAsked(uint256 indexed round, address indexed learner);
    /// @notice A learner hands over a content key, wrapped to the recipient's encryption key; nothing is stored.
    event KeyShared(uint256 indexed round, address indexed from, address indexed to, bytes wrapped);

    // ----------------------------------------------------------------------------------------------- errors

    /// @notice Thrown at deployment when a rule, named in ASCII, is not within [least, most].
    error RuleOutOfRange(bytes32 rule, uint256 value, uint256 least, uint256 most);
    /// @notice Thrown when the digest of a spec, a proposal or an update is zero.
    error EmptyDigest();
    /// @notice Thrown when someone else calls what is the organizer's.
    error NotOrganizer(address caller);
    /// @notice Thrown when the zero address is invited or given the organizer's role.
    error ZeroAddress();
    error AlreadyInvited(address learner);
    error NotInvited(address learner);
    /// @notice Thrown when an address joins while its membership reaches the open, the next or a later round.
    error AlreadyMember(address learner, uint256 lastRound);
    /// @notice Thrown when all 64 seats are taken: by learners of the open round, of the next, or announced.
    error NoSeatFree();
    /// @notice Thrown when a joiner's first round would come after the last.
    error TooLateToJoin(uint256 firstRound, uint256 maxRounds);
    /// @notice Thrown when no membership of the caller covers the round; for keys, when that of the caller, or of the
    /// recipient, has ended before the round opened last.
    error NotMember(address caller, uint256 round);
    /// @notice Thrown when a membership that should end has no end to bring forward; lastRound 0: there never was one.
    error NotActive(address learner, uint256 lastRound);
    /// @notice Thrown by `start` when a round is open or the experiment is finished.
    error NotJoining(Phase phase);
    /// @notice Thrown by `start` when someone but the organizer calls it too early.
    error StartReserved(address caller, uint256 startDeadline);
    error TooFewLearners(uint256 learners, uint256 minLearners);
    /// @notice Thrown when a round is not waiting for its proposer; `status` says where it stands, or how it ended.
    error NotProposing(uint256 round, Status status);
    /// @notice Thrown when a round is not being voted on; `status` says where it stands, or how it ended.
    error NotVoting(uint256 round, Status status);
    /// @notice Thrown by `advance` when the round is not open.
    error NotOpen(uint256 round, Status status);
    error DeadlinePassed(uint256 round, uint256 deadline);
    error DeadlineNotPassed(uint256 round, uint256 deadline);
    /// @notice Thrown when a member that is not the round's proposer acts as such; `proposer` is a seat.
    error NotProposer(address caller, uint256 round, uint8 proposer);
    /// @notice Thrown when a ballot names another digest than the one proposed.
    error DigestMismatch(uint256 round, bytes32 given, bytes32 proposed);
    error InvalidBallot(uint8 ballot);
    error AlreadyVoted(address learner, uint256 round, Ballot ballot);
    /// @notice Thrown when a proposer votes whose ballot does not count.
    error ProposerHasNoBallot(address learner, uint256 round);
    /// @notice Thrown when an update is announced later than the contribution window; `until` 0: no fan-in rounds here.
    error ContributionsClosed(uint256 round, uint256 until);
    /// @notice Thrown by `removeIdle` when the learner voted or proposed in `round` before it missed enough.
    error TookPart(address learner, uint256 round);
    /// @notice Thrown by `removeIdle` when the rounds looked at hold too few misses.
    error TooFewMisses(address learner, uint256 misses, uint256 idleRounds);
    /// @notice Thrown when a key is asked for or shared for a round in which nothing was proposed.
    error NoProposal(uint256 round);
    /// @notice Thrown when a wrapped key is empty or longer than `most` bytes.
    error WrappedKeyLength(uint256 length, uint256 most);

    // ------------------------------------------------------------------------------------ the organizer's calls

    /// @notice Invites learners; an invitation survives leaving and idleness, not removal.
    function invite(address[] calldata learners_) external;

    /// @notice Takes a learner's invitation away and ends its membership, if it has one: with the round after the open
    /// one, so that it keeps a round of notice; at once when no round is open, or when it has not begun by then.
    function remove(address learner) external;

    /// @notice Hands the organizer's role over.
    function transferOrganizer(address to) external;

    /// @notice Gives the organizer's role up for good.
    function renounceOrganizer() external;

    // ------------------------------------------------------------------------------------------- membership

    /// @notice Takes the lowest free seat, from the round after the next; from the next if no round is open.
    /// @param encryptionKey X25519 public key that content keys are wrapped to; zero: none.
    function join(bytes32 encryptionKey) external;

    /// @notice Ends the caller's membership with the open round; at once when no round is open.
    function resign() external;

    /// @notice Ends, as `resign` does, the membership of a learner that missed idleRounds rounds and since then neither
    /// proposed nor voted. Looks back over at most 64 * idleRounds rounds. Missed: it was the proposer and let the
    /// window run out, or it was a voter and the voting window ran out without its ballot. Other rounds say nothing.
    function removeIdle(address learner) external;

    // ------------------------------------------------------------------------------------------------ rounds

    /// @notice Opens the next round, when none is open: the organizer's call, and anyone's after startDeadline, or once
    /// the organizer's role was given up.
    function start() external;

    /// @notice Announces the caller's update in a fan-in round.
    function contribute(uint256 number, bytes32 digest) external;

    /// @notice Puts up the round's proposal; the voting window begins.
    function propose(uint256 number, bytes32 digest) external;

    /// @notice The proposer has nothing to propose: closes the round as Skipped and opens the next.
    function passTurn(uint256 number) external;

    /// @notice Casts the caller's one ballot on a digest; the ballot that completes the round closes it.
    function castBallot(uint256 number, bytes32 digest, uint8 ballot) external;

    /// @notice Casts ballots that their learners signed (EIP-712 `Ballot(uint256 round,bytes32 digest,uint8 ballot)`),
    /// whoever brings them. Each that cannot be counted is skipped with an event and spoils no other.
    /// @param signatures under approvals, rejections and unavailables, in this order
    /// @return counted how many were counted
    function castBallots(uint256 number, bytes32 digest, Signature[][3] calldata signatures)
        external
        returns (uint256 counted);

    /// @notice Closes a round whose window has run out; anyone's call.
    function advance(uint256 number) external;

    // -------------------------------------------------------------------------------------------------- keys

    /// @notice Asks the other learners for the content key of a round's artefact.
    function askKey(uint256 number) external;

    /// @notice Hands a learner the content key of a round's artefact, wrapped to its encryption key (at most 256 bytes).
    function shareKey(uint256 number, address learner, bytes calldata wrapped) external;

    // ------------------------------------------------------------------------------------------------- views

    function rules() external view returns (Rules memory);

    function specDigest() external view returns (bytes32);

    function organizer() external view returns (address);

    function firstOrganizer() external view returns (address);

    /// @notice Commits to everything decided so far. It starts as
    /// `keccak256(abi.encode(chainid, this, rules, specDigest, firstOrganizer))`; a join makes it
    /// `keccak256(abi.encode(historyHash, membership, learner, seat, firstRound, encryptionKey))`, a closing
    /// `keccak256(abi.encode(historyHash, round, word, digest))`. The three lengths differ, so none passes for another.
    function historyHash() external view returns (bytes32);

    /// @notice The EIP-712 domain that ballots are signed for: name "colearn-chain", version "1", this chain, this
    /// contract.
    function domainSeparator() external view returns (bytes32);

    function phase() external view returns (Phase);

    /// @notice A round, readable; all zero if it has not been opened.
    function round(uint256 number) external view returns (RoundView memory);

    /// @notice Stored rounds from, from + 1, ...: at most count, none beyond the last that was opened. Round 0 is zero.
    function rounds(uint256 from, uint256 count) external view returns (RoundRecord[] memory);

    /// @notice A membership's ballot in a round; None if it has none, or does not cover the round.
    function ballotOf(uint256 number, uint256 membership) external view returns (Ballot);

    /// @notice The memberships that cover the open round or a later one; when none is open, the next or a later one.
    function learners() external view returns (Membership[] memory);

    /// @notice How many memberships have been made.
    function membershipCount() external view returns (uint256);

    /// @notice Memberships by index from, from + 1, ...: at most count, none beyond the last.
    function memberships(uint256 from, uint256 count) external view returns (Membership[] memory);

    function snapshot(address learner) external view returns (Snapshot memory);
}
