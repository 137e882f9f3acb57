// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract ProposeTest is ExperimentTest {
    function setUp() public {
        openWith(3);
    }

    function reverts(address caller, uint256 number, bytes32 digest, bytes memory expected) private {
        bytes32 before = keccak256(abi.encode(experiment.snapshot(caller)));
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.propose(number, digest);
        assertEq(keccak256(abi.encode(experiment.snapshot(caller))), before, "nothing changes");
    }

    function test_AProposalForARoundThatWasNeverOpenedReverts() public {
        reverts(learner(0), 2, MODEL, abi.encodeWithSelector(IExperiment.NotProposing.selector, 2, Status.None));
    }

    function test_ASecondProposalReverts() public {
        propose(1);
        bytes memory expected = abi.encodeWithSelector(IExperiment.NotProposing.selector, 1, Status.Voting);
        reverts(learner(0), 1, OTHER_MODEL, expected);
    }

    function test_AProposalForAClosedRoundRevertsWithItsOutcome() public {
        lapse(1);
        reverts(learner(0), 1, MODEL, abi.encodeWithSelector(IExperiment.NotProposing.selector, 1, Status.Skipped));
    }

    function test_AProposalASecondAfterTheDeadlineReverts() public {
        vm.warp(DEPLOYED_AT + 601);
        bytes memory expected = abi.encodeWithSelector(IExperiment.DeadlinePassed.selector, 1, DEPLOYED_AT + 600);
        reverts(learner(0), 1, MODEL, expected);
    }

    function test_AProposalAtTheExactDeadlineCounts() public {
        vm.warp(DEPLOYED_AT + 600);
        propose(1);
        assertPhase(IExperiment.Phase.Voting);
    }

    function test_AStrangersProposalReverts() public {
        reverts(STRANGER, 1, MODEL, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_AProposalOutOfTurnReverts() public {
        reverts(learner(1), 1, MODEL, abi.encodeWithSelector(IExperiment.NotProposer.selector, learner(1), 1, 0));
    }

    function test_TheProposalOfAFormerHolderOfTheProposersSeatReverts() public {
        resign(learner(1));
        passTurn(1); // seat 1 is free from here on
        enrol(learner(3));
        passTurn(2); // proposer: seat 2
        passTurn(3); // proposer: seat 0
        assertEq(experiment.round(4).proposer, 1, "proposer");
        reverts(learner(1), 4, MODEL, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(1), 4));
        vm.prank(learner(3));
        experiment.propose(4, MODEL);
    }

    function test_AnEmptyProposalReverts() public {
        reverts(learner(0), 1, 0, abi.encodeWithSelector(IExperiment.EmptyDigest.selector));
    }

    function test_AProposalOpensTheVotingWindow() public {
        vm.warp(DEPLOYED_AT + 100);
        vm.expectEmit(address(experiment));
        emit IExperiment.Proposed(1, learner(0), MODEL, DEPLOYED_AT + 400);
        vm.prank(learner(0));
        experiment.propose(1, MODEL);
        IExperiment.RoundView memory view_ = experiment.round(1);
        assertEq(uint256(view_.status), uint256(Status.Voting), "status");
        assertEq(view_.time, DEPLOYED_AT + 400, "deadline");
        assertEq(view_.digest, MODEL, "digest");
        assertEq(view_.electorate, 7, "electorate");
        assertEq(view_.proposer, 0, "proposer");
    }

    function test_AProposerThatResignedMayStillPropose() public {
        resign(learner(0));
        vm.prank(learner(0));
        experiment.propose(1, MODEL);
        assertPhase(IExperiment.Phase.Voting);
    }
}
