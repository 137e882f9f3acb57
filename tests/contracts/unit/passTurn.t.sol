// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract PassTurnTest is ExperimentTest {
    function setUp() public {
        openWith(3);
    }

    function reverts(address caller, uint256 number, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.passTurn(number);
    }

    function test_PassingARoundThatWasNeverOpenedReverts() public {
        reverts(learner(0), 2, abi.encodeWithSelector(IExperiment.NotProposing.selector, 2, Status.None));
    }

    function test_PassingAfterTheProposalReverts() public {
        propose(1);
        reverts(learner(0), 1, abi.encodeWithSelector(IExperiment.NotProposing.selector, 1, Status.Voting));
    }

    function test_PassingTwiceReverts() public {
        passTurn(1);
        reverts(learner(0), 1, abi.encodeWithSelector(IExperiment.NotProposing.selector, 1, Status.Skipped));
    }

    function test_PassingASecondAfterTheDeadlineReverts() public {
        vm.warp(DEPLOYED_AT + 601);
        reverts(learner(0), 1, abi.encodeWithSelector(IExperiment.DeadlinePassed.selector, 1, DEPLOYED_AT + 600));
    }

    function test_PassingAtTheExactDeadlineCounts() public {
        vm.warp(DEPLOYED_AT + 600);
        passTurn(1);
        assertClosed(1, Status.Skipped, Closing.Passed);
    }

    function test_AStrangersPassReverts() public {
        reverts(STRANGER, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_PassingOutOfTurnReverts() public {
        reverts(learner(2), 1, abi.encodeWithSelector(IExperiment.NotProposer.selector, learner(2), 1, 0));
    }

    function test_ThePassOfAFormerHolderOfTheProposersSeatReverts() public {
        resign(learner(1));
        passTurn(1);
        enrol(learner(3));
        passTurn(2);
        passTurn(3);
        reverts(learner(1), 4, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(1), 4));
    }

    function test_APassClosesTheRoundAsSkippedAndOpensTheNext() public {
        vm.warp(DEPLOYED_AT + 50);
        uint256 closed =
            7 | (uint256(Status.Skipped) << 200) | (uint256(Closing.Passed) << 208) | ((DEPLOYED_AT + 50) << 216);
        bytes32 hash = keccak256(abi.encode(experiment.historyHash(), 1, closed, bytes32(0)));
        vm.expectEmit(address(experiment));
        emit IExperiment.RoundClosed(1, Status.Skipped, Closing.Passed, hash);
        vm.expectEmit(address(experiment));
        emit IExperiment.RoundOpened(2, 7, 1, DEPLOYED_AT + 650);
        vm.prank(learner(0));
        experiment.passTurn(1);
        assertEq(experiment.historyHash(), hash, "history hash");
        assertEq(experiment.round(1).time, DEPLOYED_AT + 50, "when it closed");
    }
}
