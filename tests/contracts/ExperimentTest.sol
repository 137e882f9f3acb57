// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../contracts/types/Round.sol";
import {TestBase} from "./TestBase.sol";

/// @title An experiment, its organizer and as many learners as a test wants; learner(i) sits on seat i after enrol.
abstract contract ExperimentTest is TestBase {
    uint256 internal constant DEPLOYED_AT = 1_700_000_000;
    uint256 internal constant NO_END = type(uint24).max;
    bytes32 internal constant SPEC = keccak256("spec");
    bytes32 internal constant MODEL = keccak256("model");
    bytes32 internal constant OTHER_MODEL = keccak256("other model");
    bytes32 internal constant NO_KEY = 0;
    address internal constant ORGANIZER = address(0x0A11CE);
    address internal constant STRANGER = address(0x5712A);

    /// @dev Deployed as the project's compiler settings make it, whatever settings the tests are compiled with.
    string internal constant EXPERIMENT = "contracts/Experiment.sol:Experiment";

    IExperiment internal experiment;

    // ------------------------------------------------------------------------------------------------- rules

    function usualRules() internal pure returns (IExperiment.Rules memory) {
        return IExperiment.Rules({
            thresholdBps: 5001,
            proposalWindow: 600,
            votingWindow: 300,
            contributionWindow: 0,
            minLearners: 2,
            maxRounds: 1000,
            idleRounds: 2,
            startDeadline: uint40(DEPLOYED_AT + 1 days),
            countProposer: false,
            closeEarly: false
        });
    }

    function deploy(IExperiment.Rules memory rules) internal {
        vm.warp(DEPLOYED_AT);
        experiment = IExperiment(create(rules, SPEC, ORGANIZER));
        assertTrue(address(experiment) != address(0), "deployed");
    }

    /// @dev The zero address if the constructor reverts; its return data is the caller's to look at.
    function create(IExperiment.Rules memory rules, bytes32 spec, address organizer) internal returns (address made) {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        bytes memory initcode = abi.encodePacked(vm.getCode(EXPERIMENT), abi.encode(rules, spec));
        vm.prank(organizer);
        assembly ("memory-safe") {
            made := create(0, add(initcode, 32), mload(initcode))
            mstore(0x40, free) // or tests that deploy hundreds would run out of memory
        }
    }

    // --------------------------------------------------------------------------------------------- membership

    function learner(uint256 i) internal pure returns (address) {
        return address(uint160(0x1EA4000 + i));
    }

    function invite(address someone) internal {
        address[] memory list = new address[](1);
        list[0] = someone;
        vm.prank(ORGANIZER);
        experiment.invite(list);
    }

    function join(address someone) internal {
        vm.prank(someone);
        experiment.join(NO_KEY);
    }

    function enrol(address someone) internal {
        invite(someone);
        join(someone);
    }

    function enrol(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            enrol(learner(i));
        }
    }

    function remove(address someone) internal {
        vm.prank(ORGANIZER);
        experiment.remove(someone);
    }

    function resign(address someone) internal {
        vm.prank(someone);
        experiment.resign();
    }

    // ------------------------------------------------------------------------------------------------- rounds

    function start() internal {
        vm.prank(ORGANIZER);
        experiment.start();
    }

    /// @dev An experiment by the usual rules with its first round open.
    function openWith(uint256 count) internal {
        openWith(count, usualRules());
    }

    function openWith(uint256 count, IExperiment.Rules memory rules) internal {
        deploy(rules);
        enrol(count);
        start();
    }

    function propose(uint256 number) internal {
        vm.prank(proposerOf(number));
        experiment.propose(number, MODEL);
    }

    function passTurn(uint256 number) internal {
        vm.prank(proposerOf(number));
        experiment.passTurn(number);
    }

    function vote(uint256 number, address someone, Ballot ballot) internal {
        bytes32 digest = experiment.round(number).digest;
        vm.prank(someone);
        experiment.castBallot(number, digest, uint8(ballot));
    }

    /// @dev Lets the open window run out and closes the round.
    function lapse(uint256 number) internal {
        vm.warp(experiment.round(number).time + 1);
        experiment.advance(number);
    }

    // -------------------------------------------------------------------------------------------------- looks

    function current() internal view returns (uint256) {
        return experiment.snapshot(address(0)).number;
    }

    /// @dev Who holds the seat of a round's proposer in that round.
    function proposerOf(uint256 number) internal view returns (address) {
        uint8 seat = experiment.round(number).proposer;
        IExperiment.Membership[] memory list = experiment.memberships(0, type(uint256).max);
        for (uint256 i = 0; i < list.length; ++i) {
            bool covers = list[i].firstRound <= number && number <= list[i].lastRound;
            if (covers && list[i].seat == seat) return list[i].learner;
        }
        revert("no proposer");
    }

    function lastRoundOf(address someone) internal view returns (uint256) {
        return experiment.snapshot(someone).lastRound;
    }

    function seatOf(address someone) internal view returns (uint8) {
        return experiment.snapshot(someone).seat;
    }

    function assertPhase(IExperiment.Phase expected) internal view {
        assertEq(uint256(experiment.phase()), uint256(expected), "phase");
    }

    function assertClosed(uint256 number, Status outcome, Closing how) internal view {
        assertEq(uint256(experiment.round(number).status), uint256(outcome), "outcome");
        assertEq(uint256(experiment.round(number).closing), uint256(how), "closing");
    }

    function assertBallot(uint256 number, uint256 membership, Ballot expected) internal view {
        assertEq(uint256(experiment.ballotOf(number, membership)), uint256(expected), "ballot");
    }
}
