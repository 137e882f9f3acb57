// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Experiment} from "../../../contracts/Experiment.sol";
import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Member} from "../../../contracts/types/Membership.sol";
import {Roster} from "../../../contracts/types/Roster.sol";
import {Ballot, Round, RoundLibrary, Status} from "../../../contracts/types/Round.sol";
import {TestBase} from "../TestBase.sol";

/// @title What halmos answers to besides the cheatcodes of forge.
interface Svm {
    function enableSymbolicStorage(address target) external;
}

/// @title Proofs with halmos: for all callers, arguments, times and states, not for the ones that a test thought of.
/// @dev Every slot of the contract holds any word at all, but for what each proof assumes of a round, a roster or a
/// member. So what is proved holds in more states than can be reached. The bounds stand in tests/contracts/README.md.
abstract contract Proofs is TestBase {
    Svm private constant SVM = Svm(address(uint160(uint256(keccak256("svm cheat code")))));
    uint256 internal constant ROSTER_SLOT = 2;
    uint256 internal constant ROUNDS_SLOT = 3;
    uint256 internal constant DIGESTS_SLOT = 4;
    uint256 internal constant MEMBERS_SLOT = 5;
    uint256 internal constant MAX_ROUNDS = 1000;

    Experiment internal experiment;

    function rulesToProveFor() internal pure virtual returns (IExperiment.Rules memory);

    function setUp() public {
        vm.warp(1_700_000_000);
        experiment = new Experiment(rulesToProveFor(), keccak256("spec"));
        SVM.enableSymbolicStorage(address(experiment));
    }

    // ---------------------------------------------------------------------------------------------------- states

    function write(uint256 mappingSlot, uint256 key, uint256 word) private {
        vm.store(address(experiment), keccak256(abi.encode(key, mappingSlot)), bytes32(word));
    }

    function putRound(uint256 number, Round word, bytes32 digest) internal {
        write(ROUNDS_SLOT, number, Round.unwrap(word));
        write(DIGESTS_SLOT, number, uint256(digest));
    }

    function putRoster(Roster roster) internal {
        vm.store(address(experiment), bytes32(ROSTER_SLOT), bytes32(Roster.unwrap(roster)));
    }

    /// @dev Round 7 is the latest.
    function putState(Round word, bytes32 digest, Roster roster) internal {
        vm.assume(roster.number() == 7);
        putRound(7, word, digest);
        putRoster(roster);
    }

    function putMember(address who, Member member) internal {
        write(MEMBERS_SLOT, uint160(who), Member.unwrap(member));
    }

    function roundAt(uint256 number) internal view returns (Round) {
        bytes32 slot = keccak256(abi.encode(number, ROUNDS_SLOT));
        return Round.wrap(uint256(vm.load(address(experiment), slot)));
    }

    function memberAt(address who) internal view returns (Member) {
        return Member.wrap(uint256(vm.load(address(experiment), keccak256(abi.encode(who, MEMBERS_SLOT)))));
    }

    function digestAt(uint256 number) internal view returns (bytes32) {
        return vm.load(address(experiment), keccak256(abi.encode(number, DIGESTS_SLOT)));
    }

    /// @dev A status that there is, a proposer's seat that there is.
    function assumeARound(Round word) internal pure {
        vm.assume(uint8(Round.unwrap(word) >> 200) <= uint8(Status.Skipped));
        vm.assume(uint8(Round.unwrap(word) >> 208) <= 4);
        vm.assume(word.proposer() < 64);
    }

    function voters(Round word) internal pure returns (uint256) {
        uint256 proposer = 1 << word.proposer();
        return rulesToProveFor().countProposer ? word.electorate() : word.electorate() & ~proposer;
    }

    function ask(address caller, bytes memory data) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(experiment).call(data);
    }

    // ---------------------------------------------------------------------------------------------------- proofs

    /// @dev Whatever the state of round 7, whoever calls: a learner that has voted does not vote again.
    function check_NoLearnersBallotCountsTwice(
        Round word,
        bytes32 digest,
        Roster roster,
        address caller,
        Member member,
        uint8 first,
        uint8 second,
        bytes32 other
    ) public {
        assumeARound(word);
        vm.assume(member.seat() < 64);
        putState(word, digest, roster);
        putMember(caller, member);
        vm.assume(ask(caller, abi.encodeCall(IExperiment.castBallot, (7, digest, first))));
        assert(word.ballotAt(member.seat()) == Ballot.None);
        Round afterwards = roundAt(7);
        assert(afterwards.voted() == word.voted() | (1 << member.seat()));
        assert(afterwards.ballotAt(member.seat()) == Ballot(first));
        assert(!ask(caller, abi.encodeCall(IExperiment.castBallot, (7, other, second))));
    }

    /// @dev A ballot on record stays when two signatures, whosever they are, come in a batch after it.
    function check_NoSignedBallotReplacesOneOnRecord(
        Round word,
        bytes32 digest,
        uint8 seat,
        IExperiment.Signature memory one,
        Member signerOfOne,
        IExperiment.Signature memory other,
        Member signerOfOther
    ) public {
        assumeARound(word);
        vm.assume(seat < 64 && word.ballotAt(seat) != Ballot.None);
        vm.assume(signerOfOne.seat() < 64 && signerOfOther.seat() < 64);
        putState(word, digest, Roster.wrap(7 << 192)); // nobody is left for the next round
        putMember(signer(digest, Ballot.Approve, one), signerOfOne);
        putMember(signer(digest, Ballot.Unavailable, other), signerOfOther);
        IExperiment.Signature[][3] memory batch;
        batch[0] = new IExperiment.Signature[](1);
        batch[2] = new IExperiment.Signature[](1);
        (batch[0][0], batch[2][0]) = (one, other);
        ask(msg.sender, abi.encodeCall(IExperiment.castBallots, (7, digest, batch)));
        assert(roundAt(7).ballotAt(seat) == word.ballotAt(seat));
    }

    function signer(bytes32 digest, Ballot ballot, IExperiment.Signature memory signature)
        private
        view
        returns (address)
    {
        bytes32 kind = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");
        bytes32 hash = keccak256(abi.encode(kind, 7, digest, ballot));
        hash = keccak256(abi.encodePacked(hex"1901", experiment.domainSeparator(), hash));
        uint256 vs = uint256(signature.vs);
        return ecrecover(hash, uint8(27 + (vs >> 255)), signature.r, bytes32(vs & (type(uint256).max >> 1)));
    }

    /// @dev By a vote or by a deadline: no round is accepted without enough approvals of all its voters.
    function check_AcceptedOnlyIfEnoughApproved(
        Round word,
        bytes32 digest,
        Roster roster,
        address caller,
        Member member,
        uint8 ballot,
        uint256 time
    ) public {
        assumeARound(word);
        vm.assume(time < 2 ** 39);
        vm.assume(word.status() < Status.Accepted && member.seat() < 64);
        putState(word, digest, roster);
        putMember(caller, member);
        vm.warp(time);
        if (ballot == 0) ask(caller, abi.encodeCall(IExperiment.advance, (7)));
        else ask(caller, abi.encodeCall(IExperiment.castBallot, (7, digest, ballot)));
        Round afterwards = roundAt(7);
        if (afterwards.status() != Status.Accepted) return;
        uint256 approvals = RoundLibrary.popcount(afterwards.approvals());
        uint256 all = RoundLibrary.popcount(voters(word));
        assert(approvals * 10_000 >= uint256(rulesToProveFor().thresholdBps) * all);
    }

    /// @dev Whoever succeeds in proposing holds the proposer's seat in that round, is in time, and is the first.
    function check_OnlyTheRoundsProposerCanPropose(
        Round word,
        bytes32 before,
        address caller,
        Member member,
        uint256 number,
        bytes32 digest,
        uint256 time
    ) public {
        assumeARound(word);
        vm.assume(time < 2 ** 39);
        putRound(number, word, before);
        putMember(caller, member);
        vm.warp(time);
        vm.assume(ask(caller, abi.encodeCall(IExperiment.propose, (number, digest))));
        assert(word.status() == Status.Proposing && time <= word.time());
        assert(member.firstRound() <= number && number <= member.lastRound());
        assert(member.seat() == word.proposer());
        assert(digest != 0 && digestAt(number) == digest);
    }

    /// @dev Whatever was announced: an open round can be closed by anyone once its window has run out, and then it is
    /// joining, finished, or the next round is open with a proposer from its electorate.
    function check_AnOpenRoundCanBeMovedOn(Round word, bytes32 digest, Roster roster, address caller, uint256 time)
        public
    {
        assumeARound(word);
        uint256 number = roster.number();
        vm.assume(word.isOpen() && word.electorate() != 0 && number > 0 && number <= MAX_ROUNDS);
        vm.assume(time < 2 ** 39 && time > word.time());
        putRound(number, word, digest);
        putRoster(roster);
        vm.warp(time);
        assert(ask(caller, abi.encodeCall(IExperiment.advance, (number))));
        assert(roundAt(number).status() >= Status.Accepted);
        Round next = roundAt(number + 1);
        if (number == MAX_ROUNDS || RoundLibrary.popcount(roster.active()) < rulesToProveFor().minLearners) return;
        assert(next.status() == Status.Proposing && next.electorate() == roster.active());
        assert((next.electorate() >> next.proposer()) & 1 == 1);
    }

    /// @dev Round 7 is closed, round 8 is in any state, or not there yet. Whatever is called by whomever with whatever
    /// arguments, round 7 stays as it is.
    function check_ClosedRoundsNeverChange(
        Round closed,
        bytes32 digest,
        Round latest,
        bytes32 latestDigest,
        Roster roster,
        address caller,
        Member member,
        uint8 kind,
        uint256 number,
        bytes32 given
    ) public {
        assumeARound(closed);
        assumeARound(latest);
        vm.assume(closed.status() >= Status.Accepted && member.seat() < 64);
        vm.assume(roster.number() == (latest.status() == Status.None ? 7 : 8));
        putRound(7, closed, digest);
        putRound(8, latest, latestDigest);
        putRoster(roster);
        putMember(caller, member);
        ask(caller, someCall(kind, number, given));
        assert(Round.unwrap(roundAt(7)) == Round.unwrap(closed));
        assert(digestAt(7) == digest);
    }

    /// @dev Round 7 is the latest, open or not, whatever was announced: who joins gets a seat that is neither of this
    /// round nor of the next nor of another newcomer's, and no other seat's bit changes.
    function check_ASeatIsGivenToOneLearnerAtATime(
        Round word,
        Roster roster,
        address caller,
        Member member,
        bytes32 key
    ) public {
        assumeARound(word);
        putState(word, 0, roster);
        putMember(caller, member);
        vm.assume(ask(caller, abi.encodeCall(IExperiment.join, (key))));
        Roster afterwards = Roster.wrap(uint256(vm.load(address(experiment), bytes32(ROSTER_SLOT))));
        uint256 given = 1 << memberAt(caller).seat();
        assert(roster.taken() & given == 0);
        assert(!word.isOpen() || word.electorate() & given == 0);
        assert(afterwards.active() == (word.isOpen() ? roster.active() : roster.active() | given));
        assert(afterwards.changing() == (word.isOpen() ? roster.changing() | given : roster.changing()));
    }

    function someCall(uint8 kind, uint256 number, bytes32 given) private pure returns (bytes memory) {
        if (kind == 0) return abi.encodeCall(IExperiment.propose, (number, given));
        if (kind == 1) return abi.encodeCall(IExperiment.passTurn, (number));
        if (kind == 2) return abi.encodeCall(IExperiment.advance, (number));
        if (kind == 3) return abi.encodeCall(IExperiment.start, ());
        if (kind == 4) return abi.encodeCall(IExperiment.join, (given));
        if (kind == 5) return abi.encodeCall(IExperiment.resign, ());
        if (kind == 6) return abi.encodeCall(IExperiment.remove, (address(uint160(number))));
        if (kind == 7) return abi.encodeCall(IExperiment.removeIdle, (address(uint160(number))));
        if (kind == 8) return abi.encodeCall(IExperiment.contribute, (number, given));
        uint8 ballot = kind - 8;
        return abi.encodeCall(IExperiment.castBallot, (number, given, ballot));
    }
}

contract UsualRulesProofs is Proofs {
    function rulesToProveFor() internal pure override returns (IExperiment.Rules memory) {
        return IExperiment.Rules(5001, 600, 300, 0, 2, uint24(MAX_ROUNDS), 2, 0, false, false);
    }
}

contract EarlyClosingProofs is Proofs {
    function rulesToProveFor() internal pure override returns (IExperiment.Rules memory) {
        return IExperiment.Rules(6667, 600, 300, 200, 3, uint24(MAX_ROUNDS), 1, 0, true, true);
    }
}

/// @title What the proofs about acceptance count with counts right: by induction over the bits that are set.
contract PopcountProofs {
    /// @dev Without its lowest bit, a word that has one has one bit less.
    function check_PopcountIsOneMoreThanWithoutTheLowestBit(uint64 bits) public pure {
        assert(RoundLibrary.popcount(0) == 0);
        if (bits == 0) return;
        unchecked {
            assert(RoundLibrary.popcount(bits) == RoundLibrary.popcount(bits & (bits - 1)) + 1);
        }
    }
}
