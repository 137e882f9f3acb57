// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";
import {Vm} from "../TestBase.sol";
import {Model} from "./Model.sol";

/// @title The contract and its readable model, given the same random scripts, do the same.
/// @dev After each call: the same success, return data or error, events and snapshot; at the end: every view.
contract LockStepTest is ExperimentTest {
    uint256 private constant PEOPLE = 7;
    uint256 private constant FIRST_KEY = 0xB0B;

    IExperiment private model;
    uint256 private nowIs;
    /// @dev What is left of the script's randomness.
    uint256 private seed;
    uint256 private successes;
    uint256 private refusals;

    function testFuzz_ContractAndModelDoTheSame(uint256 seed_) public {
        run(seed_, 100);
    }

    /// @dev Scripts in which little succeeds would compare little.
    function test_ScriptsSucceedAndFailOftenAndCloseManyRounds() public {
        uint256 opened = 0;
        for (uint256 i = 0; i < 4; ++i) {
            run(i, 150);
            opened += current();
        }
        assertTrue(successes > 120, "successes");
        assertTrue(refusals > 200, "refusals");
        assertTrue(opened > 25, "rounds");
    }

    // ------------------------------------------------------------------------------------------------ scripts

    function run(uint256 seed_, uint256 steps) private {
        seed = seed_;
        nowIs = DEPLOYED_AT;
        IExperiment.Rules memory rules = randomRules();
        deploy(rules);
        vm.prank(ORGANIZER);
        model = new Model(address(experiment), rules, SPEC);
        inviteEveryone();
        for (uint256 i = 0; i < 4; ++i) {
            both(person(i), abi.encodeCall(IExperiment.join, (bytes32(pick(3)))));
        }
        for (uint256 i = 0; i < steps; ++i) {
            step();
        }
        compareViews();
    }

    function pick(uint256 count) private returns (uint256 chosen) {
        seed = uint256(keccak256(abi.encode(seed)));
        return seed % count;
    }

    function someone() private returns (address) {
        return person(pick(PEOPLE));
    }

    /// @dev The last one is never invited at first.
    function person(uint256 i) private pure returns (address) {
        return vm.addr(FIRST_KEY + i);
    }

    function randomRules() private returns (IExperiment.Rules memory rules) {
        rules = usualRules();
        uint16[6] memory thresholds = [uint16(1), 3333, 5000, 5001, 6667, 10_000];
        rules.thresholdBps = thresholds[pick(6)];
        rules.countProposer = pick(2) == 0;
        rules.closeEarly = pick(2) == 0;
        rules.minLearners = uint8(2 + pick(2));
        rules.idleRounds = uint8(1 + pick(3));
        rules.maxRounds = pick(4) == 0 ? uint24(3 + pick(6)) : 1000;
        rules.contributionWindow = pick(2) == 0 ? 0 : 200;
        rules.startDeadline = uint40(DEPLOYED_AT + pick(2) * 2000);
    }

    function inviteEveryone() private {
        address[] memory list = new address[](PEOPLE - 1);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = person(i);
        }
        both(ORGANIZER, abi.encodeCall(IExperiment.invite, (list)));
    }

    /// @dev Mostly something that fits the phase.
    function step() private {
        uint256 kind = pick(100);
        if (kind < 60) fitting();
        else if (kind < 62) pass(pick(60));
        else if (kind < 65) pass(untilDeadline());
        else if (kind < 68) comingAndGoing();
        else if (kind < 74) both(someone(), memberCall());
        else if (kind < 79) both(pick(5) == 0 ? someone() : ORGANIZER, organizerCall());
        else if (kind < 81) both(someone(), abi.encodeCall(IExperiment.start, ()));
        else if (kind < 86) both(someone(), proposerCall());
        else if (kind < 90) both(someone(), voterCall());
        else if (kind < 96) both(someone(), abi.encodeCall(IExperiment.advance, (someNumber())));
        else both(someone(), keyCall());
    }

    /// @dev Two come and go several times within a round: seats and what was announced for them change hands.
    function comingAndGoing() private {
        uint256 first = pick(PEOPLE);
        for (uint256 i = 0; i < 12; ++i) {
            address who = person((first + pick(2)) % PEOPLE);
            address[] memory list = new address[](1);
            list[0] = who;
            uint256 kind = pick(9);
            if (kind < 3) both(ORGANIZER, abi.encodeCall(IExperiment.invite, (list)));
            else if (kind < 6) both(who, abi.encodeCall(IExperiment.join, (0)));
            else if (kind < 8) both(ORGANIZER, abi.encodeCall(IExperiment.remove, (who)));
            else both(who, abi.encodeCall(IExperiment.resign, ()));
        }
    }

    function fitting() private {
        IExperiment.Phase phase = experiment.phase();
        if (phase == IExperiment.Phase.Proposing) {
            both(likelyProposer(), proposerCall());
        } else if (phase == IExperiment.Phase.Voting) {
            both(someone(), voterCall());
        } else if (pick(2) == 0) {
            both(ORGANIZER, abi.encodeCall(IExperiment.start, ()));
        } else {
            both(someone(), abi.encodeCall(IExperiment.join, (bytes32(pick(3)))));
        }
    }

    /// @dev To the last second of the open window, or a second further.
    function untilDeadline() private returns (uint256) {
        uint256 deadline = experiment.round(current()).time;
        uint256 target = deadline + pick(2);
        return target > nowIs ? target - nowIs : 0;
    }

    function memberCall() private returns (bytes memory) {
        uint256 kind = pick(10);
        if (kind < 6) return abi.encodeCall(IExperiment.join, (bytes32(pick(3))));
        if (kind < 8) return abi.encodeCall(IExperiment.removeIdle, (someone()));
        return abi.encodeCall(IExperiment.resign, ());
    }

    function organizerCall() private returns (bytes memory) {
        uint256 kind = pick(20);
        address[] memory one = new address[](1);
        one[0] = someone();
        if (kind < 10) return abi.encodeCall(IExperiment.invite, (one));
        if (kind < 18) return abi.encodeCall(IExperiment.remove, (someone()));
        if (kind < 19) return abi.encodeCall(IExperiment.transferOrganizer, (pick(2) == 0 ? ORGANIZER : address(0)));
        return pick(10) == 0 ? abi.encodeCall(IExperiment.renounceOrganizer, ()) : abi.encodeCall(IExperiment.start, ());
    }

    function proposerCall() private returns (bytes memory) {
        uint256 kind = pick(10);
        if (kind < 6) return abi.encodeCall(IExperiment.propose, (someNumber(), someDigest()));
        if (kind < 8) return abi.encodeCall(IExperiment.passTurn, (someNumber()));
        return abi.encodeCall(IExperiment.contribute, (someNumber(), someDigest()));
    }

    function voterCall() private returns (bytes memory) {
        bytes32 digest = likelyDigest();
        if (pick(4) == 0) return abi.encodeCall(IExperiment.castBallots, (someNumber(), digest, signatures(digest)));
        uint8 ballot = uint8(pick(9) == 0 ? pick(5) : 1 + pick(3));
        return abi.encodeCall(IExperiment.castBallot, (someNumber(), digest, ballot));
    }

    function keyCall() private returns (bytes memory) {
        if (pick(2) == 0) return abi.encodeCall(IExperiment.askKey, (someNumber()));
        uint256[5] memory lengths = [uint256(0), 1, 80, 256, 257];
        return abi.encodeCall(IExperiment.shareKey, (someNumber(), someone(), new bytes(lengths[pick(5)])));
    }

    function signatures(bytes32 digest) private returns (IExperiment.Signature[][3] memory all) {
        bytes32 kind = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");
        for (uint256 ballot = 1; ballot <= 3; ++ballot) {
            uint256 named = pick(5) == 0 ? 1 + pick(3) : ballot;
            bytes32 hash = keccak256(abi.encode(kind, someNumber(), digest, named));
            hash = keccak256(abi.encodePacked(hex"1901", experiment.domainSeparator(), hash));
            all[ballot - 1] = new IExperiment.Signature[](pick(3));
            for (uint256 i = 0; i < all[ballot - 1].length; ++i) {
                (uint8 v, bytes32 r, bytes32 s) = vm.sign(FIRST_KEY + pick(PEOPLE), hash);
                if (pick(9) == 0) s = bytes32(pick(type(uint256).max) >> 1);
                if (pick(9) == 0) r = 0;
                all[ballot - 1][i] = IExperiment.Signature(r, bytes32((uint256(v - 27) << 255) | uint256(s)));
            }
        }
    }

    /// @dev Mostly the proposer of the open round.
    function likelyProposer() private returns (address) {
        if (pick(8) == 0) return someone();
        uint8 seat = experiment.round(current()).proposer;
        IExperiment.Membership[] memory list = experiment.learners();
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i].seat == seat) return list[i].learner;
        }
        return someone();
    }

    /// @dev Mostly the open round.
    function someNumber() private returns (uint256) {
        uint256 number = current();
        if (pick(8) != 0) return number;
        return pick(4) == 0 ? pick(type(uint256).max) : pick(number + 3);
    }

    function someDigest() private returns (bytes32) {
        return pick(8) == 0 ? bytes32(0) : bytes32(1 + pick(4));
    }

    function likelyDigest() private returns (bytes32) {
        return pick(8) == 0 ? someDigest() : experiment.round(current()).digest;
    }

    function pass(uint256 span) private {
        nowIs += span;
        vm.warp(nowIs);
    }

    // --------------------------------------------------------------------------------------------- comparisons

    function both(address caller, bytes memory data) private {
        (bool done, bytes memory result, Vm.Log[] memory logs) = call(experiment, caller, data);
        (bool modelDone, bytes memory modelResult, Vm.Log[] memory modelLogs) = call(model, caller, data);
        assertTrue(done == modelDone, done ? "the model refused" : "the contract refused");
        assertEq(result, modelResult, "result or error");
        assertEq(logs.length, modelLogs.length, "events");
        for (uint256 i = 0; i < logs.length; ++i) {
            assertEq(abi.encode(logs[i].topics), abi.encode(modelLogs[i].topics), "topics");
            assertEq(logs[i].data, modelLogs[i].data, "event data");
        }
        same(abi.encodeCall(IExperiment.snapshot, (caller)));
        done ? ++successes : ++refusals;
    }

    function call(IExperiment target, address caller, bytes memory data)
        private
        returns (bool done, bytes memory result, Vm.Log[] memory logs)
    {
        vm.recordLogs();
        vm.prank(caller);
        (done, result) = address(target).call(data);
        logs = vm.getRecordedLogs();
    }

    function same(bytes memory data) private view {
        (bool done, bytes memory result) = address(experiment).staticcall(data);
        (bool modelDone, bytes memory modelResult) = address(model).staticcall(data);
        assertTrue(done && modelDone, "a view refused");
        assertEq(result, modelResult, "view");
    }

    function compareViews() private {
        same(abi.encodeCall(IExperiment.rules, ()));
        same(abi.encodeCall(IExperiment.specDigest, ()));
        same(abi.encodeCall(IExperiment.organizer, ()));
        same(abi.encodeCall(IExperiment.firstOrganizer, ()));
        same(abi.encodeCall(IExperiment.historyHash, ()));
        same(abi.encodeCall(IExperiment.domainSeparator, ()));
        same(abi.encodeCall(IExperiment.phase, ()));
        same(abi.encodeCall(IExperiment.learners, ()));
        same(abi.encodeCall(IExperiment.membershipCount, ()));
        same(abi.encodeCall(IExperiment.rounds, (0, type(uint256).max)));
        same(abi.encodeCall(IExperiment.rounds, (pick(9), pick(9))));
        same(abi.encodeCall(IExperiment.memberships, (0, type(uint256).max)));
        same(abi.encodeCall(IExperiment.memberships, (pick(9), pick(9))));
        for (uint256 i = 0; i < 10; ++i) {
            uint256 number = pick(current() + 2);
            same(abi.encodeCall(IExperiment.round, (number)));
            same(abi.encodeCall(IExperiment.ballotOf, (number, pick(experiment.membershipCount() + 1))));
        }
    }
}
