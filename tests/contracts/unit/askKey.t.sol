// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract AskKeyTest is ExperimentTest {
    function setUp() public {
        openWith(3);
        propose(1);
    }

    function reverts(address caller, uint256 number, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.askKey(number);
    }

    function asks(address caller, uint256 number) private {
        vm.expectEmit(address(experiment));
        emit IExperiment.KeyAsked(number, caller);
        vm.prank(caller);
        experiment.askKey(number);
    }

    function test_AStrangersQuestionReverts() public {
        reverts(STRANGER, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_TheQuestionOfAnInvitedWhoHasNotJoinedReverts() public {
        invite(STRANGER);
        reverts(STRANGER, 1, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_TheQuestionOfAFormerLearnerReverts() public {
        resign(learner(1));
        lapse(1);
        reverts(learner(1), 1, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(1), 2));
    }

    function test_TheQuestionOfOneWhoseMembershipEndedBeforeItBeganReverts() public {
        enrol(learner(3));
        resign(learner(3));
        reverts(learner(3), 1, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(3), 1));
    }

    function test_AskingWhereNothingWasProposedReverts() public {
        reverts(learner(1), 2, abi.encodeWithSelector(IExperiment.NoProposal.selector, 2));
    }

    function test_ALearnerAsksForTheOpenRound() public {
        asks(learner(1), 1);
    }

    function test_ANewcomerAsksInItsRoundOfNotice() public {
        enrol(learner(3));
        asks(learner(3), 1);
    }

    function test_ALearnerAsksForAnOldRound() public {
        lapse(1);
        lapse(2);
        asks(learner(1), 1);
    }

    function test_ALearnerInItsLastRoundAsks() public {
        resign(learner(1));
        asks(learner(1), 1);
    }

    function test_BeforeTheFirstRoundThereIsNothingToAskFor() public {
        deploy(usualRules());
        enrol(1);
        reverts(learner(0), 0, abi.encodeWithSelector(IExperiment.NoProposal.selector, 0));
    }
}
