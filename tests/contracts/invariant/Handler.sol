// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Status} from "../../../contracts/types/Round.sol";
import {TestBase} from "../TestBase.sol";

/// @title Members, newcomers, strangers, the organizer and the clock: what they may do, and what they may not.
/// @dev Each action is legal when it is made, so that none may revert; where nobody can take it, it does nothing.
/// `tryTheForbidden` makes the illegal calls, each of which must revert. It remembers what happened, for the invariants.
contract Handler is TestBase {
    uint256 private constant PEOPLE = 10;
    address private constant STRANGER = address(0x5712A);

    struct CastBallot {
        uint256 number;
        uint256 membership;
        Ballot ballot;
    }

    IExperiment public immutable EXPERIMENT;
    address public immutable ORGANIZER;

    uint256 private _now;
    CastBallot[] private _ballotsCast;
    /// @dev What a round and its digest were when they were seen closed, or proposed for, first.
    mapping(uint256 number => bytes32) public closedRound;
    mapping(uint256 number => bytes32) public proposedDigest;
    mapping(uint256 membership => uint256) public earliestEnd;

    constructor(IExperiment experiment_, address organizer_, uint256 now_) {
        EXPERIMENT = experiment_;
        ORGANIZER = organizer_;
        _now = now_;
    }

    /// @dev The tests' clock goes on from action to action, and is set anew before each.
    modifier action() {
        vm.warp(_now);
        _;
        _remember();
    }

    // -------------------------------------------------------------------------------------------------- actions

    function wait(uint256 span) external action {
        _now += bound(span, 0, 200);
    }

    function outage(uint256 span) external action {
        _now += bound(span, 600, 10 days);
    }

    function invite(uint256 who) external action {
        address[] memory list = new address[](1);
        list[0] = _person(who);
        if (_of(list[0]).invited) return;
        vm.prank(ORGANIZER);
        EXPERIMENT.invite(list);
    }

    function join(uint256 who, bytes32 key) external action {
        (bool found, address joiner) = _someone(who, _mayJoin);
        if (!found) return;
        vm.prank(joiner);
        EXPERIMENT.join(key);
    }

    function start() external action {
        IExperiment.Snapshot memory s = _of(address(0));
        if (s.phase != IExperiment.Phase.Joining) return;
        if (_popcount(s.active) < EXPERIMENT.rules().minLearners) return;
        vm.prank(ORGANIZER);
        EXPERIMENT.start();
    }

    function resign(uint256 who) external action {
        (bool found, address leaver) = _someone(who, _mayResign);
        // Now and then only, or nobody would be left to play.
        if (!found || who % 3 != 0) return;
        vm.prank(leaver);
        EXPERIMENT.resign();
    }

    function remove(uint256 who) external action {
        (bool found, address learner) = _someone(who, _mayBeRemoved);
        if (!found || who % 3 != 0) return;
        vm.prank(ORGANIZER);
        EXPERIMENT.remove(learner);
    }

    function removeIdle(uint256 who) external action {
        (bool found, address learner) = _someone(who, _isIdle);
        if (!found) return;
        vm.prank(STRANGER);
        EXPERIMENT.removeIdle(learner);
    }

    function propose(bytes32 digest) external action {
        (bool found, address proposer) = _someone(0, _mayPropose);
        if (!found || digest == 0) return;
        uint256 number = _number();
        vm.prank(proposer);
        EXPERIMENT.propose(number, digest);
    }

    function passTurn(uint256 who) external action {
        (bool found, address proposer) = _someone(0, _mayPropose);
        if (!found || who % 4 != 0) return;
        uint256 number = _number();
        vm.prank(proposer);
        EXPERIMENT.passTurn(number);
    }

    function vote(uint256 who, uint256 ballot) public action {
        (bool found, address voter) = _someone(who, _mayVote);
        if (!found) return;
        uint256 number = _number();
        Ballot choice = Ballot(bound(ballot, 1, 3));
        _ballotsCast.push(CastBallot(number, _of(voter).membership, choice));
        bytes32 digest = EXPERIMENT.round(number).digest;
        vm.prank(voter);
        EXPERIMENT.castBallot(number, digest, uint8(choice));
    }

    /// @dev Signed ballots of two who may vote, in one batch that a stranger brings.
    function voteBySignature(uint256 who, uint256 ballot) external action {
        (bool found, uint256 first) = _find(who, _mayVote);
        if (!found) return;
        (, uint256 second) = _find(first + 1, _mayVote);
        uint256 number = _number();
        uint256 choice = bound(ballot, 1, 3);
        IExperiment.Signature[][3] memory batch;
        batch[choice - 1] = new IExperiment.Signature[](2);
        batch[choice - 1][0] = _sign(first, number, choice);
        batch[choice - 1][1] = _sign(second, number, choice);
        _ballotsCast.push(CastBallot(number, _of(_person(first)).membership, Ballot(choice)));
        if (second != first) {
            _ballotsCast.push(CastBallot(number, _of(_person(second)).membership, Ballot(choice)));
        }
        bytes32 digest = EXPERIMENT.round(number).digest;
        vm.prank(STRANGER);
        uint256 counted = EXPERIMENT.castBallots(number, digest, batch);
        assertEq(counted, second == first ? 1 : 2, "signed ballots counted");
    }

    function advance() external action {
        IExperiment.Snapshot memory s = _of(address(0));
        if (!_isOpen(s)) return;
        uint256 deadline = s.roundWord >> 216;
        if (_now <= deadline) _now = deadline + 1;
        vm.warp(_now);
        vm.prank(STRANGER);
        EXPERIMENT.advance(s.number);
    }

    function askAndShareKey(uint256 who, uint256 number) external action {
        (bool found, address learner) = _someone(who, _isLearner);
        number = bound(number, 0, _number());
        if (!found || EXPERIMENT.round(number).digest == 0) return;
        vm.prank(learner);
        EXPERIMENT.askKey(number);
        vm.prank(learner);
        EXPERIMENT.shareKey(number, learner, "wrapped");
    }

    /// @dev Calls that nobody may make in the state that it is in; every one must revert.
    function tryTheForbidden(uint256 who) external action {
        IExperiment.Snapshot memory s = _of(address(0));
        uint256 number = s.number;
        bytes32 digest = s.roundDigest;
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.castBallot, (number, digest, 1)));
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.propose, (number, digest)));
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.passTurn, (number)));
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.join, (0)));
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.resign, ()));
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.remove, (_person(who))));
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.renounceOrganizer, ()));
        _mustRevert(STRANGER, abi.encodeCall(IExperiment.advance, (number + 1)));
        address caller = _person(who);
        if (!_mayJoin(caller)) _mustRevert(caller, abi.encodeCall(IExperiment.join, (0)));
        if (!_mayResign(caller)) _mustRevert(caller, abi.encodeCall(IExperiment.resign, ()));
        if (!_mayPropose(caller)) _mustRevert(caller, abi.encodeCall(IExperiment.propose, (number, bytes32("x"))));
        if (!_mayPropose(caller)) _mustRevert(caller, abi.encodeCall(IExperiment.passTurn, (number)));
        if (!_mayVote(caller)) _mustRevert(caller, abi.encodeCall(IExperiment.castBallot, (number, digest, 1)));
        if (_isOpen(s)) {
            _mustRevert(ORGANIZER, abi.encodeCall(IExperiment.start, ()));
            if (_now <= s.roundWord >> 216) _mustRevert(caller, abi.encodeCall(IExperiment.advance, (number)));
        }
        if (number > 1) {
            _mustRevert(caller, abi.encodeCall(IExperiment.propose, (number - 1, bytes32("x"))));
            _mustRevert(caller, abi.encodeCall(IExperiment.castBallot, (number - 1, digest, 1)));
            _mustRevert(caller, abi.encodeCall(IExperiment.advance, (number - 1)));
        }
    }

    // --------------------------------------------------------------------------------------------------- memory

    function ballotsCast() external view returns (CastBallot[] memory) {
        return _ballotsCast;
    }

    function _remember() private {
        uint256 number = _number();
        // One action closes one round at most.
        for (uint256 i = number > 1 ? number - 1 : 1; i <= number; ++i) {
            IExperiment.RoundView memory r = EXPERIMENT.round(i);
            if (proposedDigest[i] == 0) proposedDigest[i] = r.digest;
            if (closedRound[i] == 0 && r.status > Status.Voting) closedRound[i] = keccak256(abi.encode(r));
        }
        IExperiment.Membership[] memory list = EXPERIMENT.memberships(0, type(uint256).max);
        for (uint256 i = 0; i < list.length; ++i) {
            uint256 end = uint256(list[i].lastRound) + 1; // 0 stands for: not seen yet
            assertTrue(earliestEnd[i] == 0 || end <= earliestEnd[i], "an end was put off");
            earliestEnd[i] = end;
        }
    }

    // ------------------------------------------------------------------------------------------------ who may what

    function _mayJoin(address who) private view returns (bool) {
        IExperiment.Snapshot memory s = _of(who);
        uint256 first = _isOpen(s) ? s.number + 2 : s.number + 1;
        bool isMember = s.joined && s.lastRound >= (_isOpen(s) ? s.number : s.number + 1);
        return s.invited && !isMember && first <= EXPERIMENT.rules().maxRounds;
    }

    function _mayResign(address who) private view returns (bool) {
        IExperiment.Snapshot memory s = _of(who);
        return s.joined && s.lastRound > s.number;
    }

    function _mayBeRemoved(address who) private view returns (bool) {
        IExperiment.Snapshot memory s = _of(who);
        return s.invited || s.lastRound > s.number + 1 || (!_isOpen(s) && s.lastRound > s.number);
    }

    function _isIdle(address who) private view returns (bool) {
        IExperiment.Snapshot memory s = _of(who);
        if (!s.joined || s.lastRound <= s.number) return false;
        uint256 misses = 0;
        for (uint256 number = s.number; number >= s.firstRound && number > 0; --number) {
            IExperiment.RoundView memory r = EXPERIMENT.round(number);
            bool proposer = r.proposer == s.seat;
            if (EXPERIMENT.ballotOf(number, s.membership) != Ballot.None || (proposer && r.digest != 0)) return false;
            if (uint8(r.closing) == 2 && proposer == (r.digest == 0)) ++misses;
            if (misses == EXPERIMENT.rules().idleRounds) return true;
        }
        return false;
    }

    function _mayPropose(address who) private view returns (bool) {
        IExperiment.Snapshot memory s = _of(who);
        bool intime = s.phase == IExperiment.Phase.Proposing && _now <= s.roundWord >> 216;
        return intime && _covers(s) && s.seat == uint8(s.roundWord >> 192);
    }

    function _mayVote(address who) private view returns (bool) {
        IExperiment.Snapshot memory s = _of(who);
        if (s.phase != IExperiment.Phase.Voting || _now > s.roundWord >> 216 || !_covers(s)) return false;
        if (s.seat == uint8(s.roundWord >> 192) && !EXPERIMENT.rules().countProposer) return false;
        return EXPERIMENT.ballotOf(s.number, s.membership) == Ballot.None;
    }

    function _isLearner(address who) private view returns (bool) {
        IExperiment.Snapshot memory s = _of(who);
        return s.joined && s.lastRound >= s.number && s.lastRound >= s.firstRound;
    }

    // -------------------------------------------------------------------------------------------------- helpers

    /// @dev People have keys, so that their ballots can be signed.
    function _person(uint256 i) private pure returns (address) {
        return vm.addr(1 + i % PEOPLE);
    }

    function _someone(uint256 from, function(address) view returns (bool) suits)
        private
        view
        returns (bool found, address who)
    {
        uint256 i;
        (found, i) = _find(from, suits);
        who = _person(i);
    }

    /// @dev The first from this one on who suits, cyclically.
    function _find(uint256 from, function(address) view returns (bool) suits) private view returns (bool, uint256) {
        from %= PEOPLE;
        for (uint256 i = from; i < from + PEOPLE; ++i) {
            if (suits(_person(i))) return (true, i % PEOPLE);
        }
        return (false, 0);
    }

    function _sign(uint256 i, uint256 number, uint256 ballot) private view returns (IExperiment.Signature memory) {
        bytes32 kind = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");
        bytes32 hash = keccak256(abi.encode(kind, number, EXPERIMENT.round(number).digest, ballot));
        hash = keccak256(abi.encodePacked(hex"1901", EXPERIMENT.domainSeparator(), hash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(1 + i, hash);
        return IExperiment.Signature(r, bytes32((uint256(v - 27) << 255) | uint256(s)));
    }

    function _mustRevert(address caller, bytes memory data) private {
        vm.prank(caller);
        (bool done,) = address(EXPERIMENT).call(data);
        assertTrue(!done, "a forbidden call succeeded");
    }

    function _of(address who) private view returns (IExperiment.Snapshot memory) {
        return EXPERIMENT.snapshot(who);
    }

    function _number() private view returns (uint256) {
        return _of(address(0)).number;
    }

    function _isOpen(IExperiment.Snapshot memory s) private pure returns (bool) {
        return s.phase == IExperiment.Phase.Proposing || s.phase == IExperiment.Phase.Voting;
    }

    function _covers(IExperiment.Snapshot memory s) private pure returns (bool) {
        return s.joined && s.firstRound <= s.number && s.number <= s.lastRound;
    }

    function _popcount(uint64 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits >>= 1) {
            count += bits & 1;
        }
    }
}
