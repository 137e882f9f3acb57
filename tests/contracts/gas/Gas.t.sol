// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

/// @title What each call costs as a transaction of its own. For the profile gas alone, which isolates the calls:
/// without it nothing would be cold, and the 21,000 of a transaction would be missing.
contract GasTest is ExperimentTest {
    uint256 private constant FIRST_KEY = 0xB0B;
    bytes32 private constant KEY = keccak256("an X25519 key");

    function used() private view returns (uint256) {
        return vm.lastCallGas().gasTotalUsed;
    }

    function record(string memory name) private {
        record(name, used());
    }

    function record(string memory name, uint256 gas) private {
        vm.snapshotValue("Experiment", name, gas);
    }

    function signer(uint256 i) private pure returns (address) {
        return vm.addr(FIRST_KEY + i);
    }

    /// @dev The third round of so many learners: accepted and skipped rounds are behind it, so no counter is new.
    function thirdRoundOf(uint256 count) private {
        deploy(usualRules());
        for (uint256 i = 0; i < count; ++i) {
            enrol(signer(i));
        }
        start();
        propose(1);
        for (uint256 i = 1; i < count; ++i) {
            vote(1, signer(i), Ballot.Approve);
        }
        lapse(2);
    }

    function sign(uint256 i) private view returns (IExperiment.Signature memory) {
        bytes32 kind = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");
        bytes32 hash = keccak256(abi.encode(kind, 3, MODEL, Ballot.Approve));
        hash = keccak256(abi.encodePacked(hex"1901", experiment.domainSeparator(), hash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(FIRST_KEY + i, hash);
        return IExperiment.Signature(r, bytes32((uint256(v - 27) << 255) | uint256(s)));
    }

    /// @dev The approvals of all but the proposer, on seat 2.
    function approvals(uint256 count) private view returns (IExperiment.Signature[][3] memory batch) {
        batch[0] = new IExperiment.Signature[](count - 1);
        for (uint256 i = 0; i < count - 1; ++i) {
            batch[0][i] = sign(i < 2 ? i : i + 1);
        }
    }

    /// @dev What `create` charges besides the transaction that forge makes of it, and the operations around it.
    function test_Deploy() public {
        bytes memory initcode = abi.encodePacked(vm.getCode(EXPERIMENT), abi.encode(usualRules(), SPEC));
        address made;
        uint256 before = gasleft();
        assembly ("memory-safe") {
            made := create(0, add(initcode, 32), mload(initcode))
        }
        uint256 gas = before - gasleft();
        assertTrue(made != address(0), "deployed");
        uint256 words = (initcode.length + 31) / 32;
        record("deploy", gas - 32_000 - words - words - 31);
        record("deploy, bytes of code", made.code.length);
    }

    function test_Join() public {
        deploy(usualRules());
        enrol(3);
        record("join, without a key");
        invite(learner(3));
        record("invite, one learner");
        vm.prank(learner(3));
        experiment.join(KEY);
        record("join, with a key");
        resign(learner(1));
        record("resign");
        remove(learner(2));
        record("remove");
        start();
        record("start");
    }

    function test_DirectRoundOf8() public {
        thirdRoundOf(8);
        propose(3);
        record("propose");
        uint256 total = used();
        for (uint256 i = 0; i < 8; ++i) {
            if (i == 2) continue;
            vm.prank(signer(i));
            experiment.castBallot(3, MODEL, 1);
            total += used();
            if (i == 3) record("vote, any but the last");
        }
        record("vote, the last");
        assertClosed(3, Status.Accepted, Closing.Complete);
        record("round of 8, direct", total);
    }

    function test_BatchedRoundOf8() public {
        thirdRoundOf(8);
        propose(3);
        uint256 total = used();
        IExperiment.Signature[][3] memory batch = approvals(8);
        experiment.castBallots(3, MODEL, batch);
        record("round of 8, batched", total + used());
        assertClosed(3, Status.Accepted, Closing.Complete);
    }

    function batchOf(uint256 count) private returns (uint256 gas) {
        thirdRoundOf(count + 1);
        propose(3);
        IExperiment.Signature[][3] memory batch = approvals(count + 1);
        experiment.castBallots(3, MODEL, batch);
        gas = used();
        assertClosed(3, Status.Accepted, Closing.Complete);
    }

    function test_FurtherBallotInABatch() public {
        uint256 ten = batchOf(10);
        uint256 fifty = batchOf(50);
        record("batch of 10, with the closing", ten);
        record("batch of 50, with the closing", fifty);
        record("batch, a further ballot", (fifty - ten) / 40);
    }

    function test_OtherWaysToCloseARound() public {
        thirdRoundOf(8);
        passTurn(3);
        record("passTurn");
        vm.warp(experiment.round(4).time + 1);
        experiment.advance(4);
        record("advance, nothing was proposed");
        propose(5);
        vm.warp(experiment.round(5).time + 1);
        experiment.advance(5);
        record("advance, voting ran out");
    }

    function refused(string memory name, address caller, bytes memory data) private {
        vm.prank(caller);
        (bool done,) = address(experiment).call(data);
        assertTrue(!done, "refused");
        record(name);
    }

    function test_LateAndRacingCalls() public {
        thirdRoundOf(8);
        propose(3);
        lapse(3);
        bytes memory ballot = abi.encodeCall(IExperiment.castBallot, (3, MODEL, 1));
        refused("refused: a vote on a closed round", signer(1), ballot);
        refused("refused: a second advance", STRANGER, abi.encodeCall(IExperiment.advance, (3)));
    }
}
