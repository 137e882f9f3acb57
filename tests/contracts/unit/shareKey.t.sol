// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract ShareKeyTest is ExperimentTest {
    function setUp() public {
        openWith(3);
        propose(1);
    }

    function reverts(address from, uint256 number, address to, uint256 length, bytes memory expected) private {
        vm.prank(from);
        vm.expectRevert(expected);
        experiment.shareKey(number, to, new bytes(length));
    }

    function shares(address from, address to, uint256 length) private {
        vm.expectEmit(address(experiment));
        emit IExperiment.KeyShared(1, from, to, new bytes(length));
        vm.prank(from);
        experiment.shareKey(1, to, new bytes(length));
    }

    function test_AStrangersKeyReverts() public {
        reverts(STRANGER, 1, learner(1), 80, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_AKeyForAStrangerReverts() public {
        reverts(learner(1), 1, STRANGER, 80, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_AKeyForAFormerLearnerReverts() public {
        resign(learner(2));
        lapse(1);
        bytes memory expected = abi.encodeWithSelector(IExperiment.NotMember.selector, learner(2), 2);
        reverts(learner(1), 1, learner(2), 80, expected);
    }

    function test_AKeyWhereNothingWasProposedReverts() public {
        reverts(learner(1), 2, learner(2), 80, abi.encodeWithSelector(IExperiment.NoProposal.selector, 2));
    }

    function test_AnEmptyKeyReverts() public {
        bytes memory expected = abi.encodeWithSelector(IExperiment.WrappedKeyLength.selector, 0, 256);
        reverts(learner(1), 1, learner(2), 0, expected);
    }

    function test_AKeyOf257BytesReverts() public {
        bytes memory expected = abi.encodeWithSelector(IExperiment.WrappedKeyLength.selector, 257, 256);
        reverts(learner(1), 1, learner(2), 257, expected);
    }

    function test_AKeyOf1ByteIsHandedOver() public {
        shares(learner(1), learner(2), 1);
    }

    function test_AKeyOf256BytesIsHandedOver() public {
        shares(learner(1), learner(2), 256);
    }

    function test_AKeyIsHandedToANewcomerInItsRoundOfNotice() public {
        enrol(learner(3));
        shares(learner(0), learner(3), 80);
    }
}
