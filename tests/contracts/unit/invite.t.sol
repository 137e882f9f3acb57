// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract InviteTest is ExperimentTest {
    function setUp() public {
        deploy(usualRules());
    }

    function reverts(address caller, address[] memory list, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.invite(list);
    }

    function listOf(address a, address b) private pure returns (address[] memory list) {
        list = new address[](2);
        list[0] = a;
        list[1] = b;
    }

    function test_AStrangersInvitationReverts() public {
        bytes memory expected = abi.encodeWithSelector(IExperiment.NotOrganizer.selector, STRANGER);
        reverts(STRANGER, listOf(STRANGER, learner(0)), expected);
    }

    function test_InvitingTheZeroAddressRevertsAndInvitesNobody() public {
        reverts(ORGANIZER, listOf(learner(0), address(0)), abi.encodeWithSelector(IExperiment.ZeroAddress.selector));
        assertTrue(!experiment.snapshot(learner(0)).invited, "invited");
    }

    function test_InvitingTheSameTwiceReverts() public {
        bytes memory expected = abi.encodeWithSelector(IExperiment.AlreadyInvited.selector, learner(0));
        reverts(ORGANIZER, listOf(learner(0), learner(0)), expected);
    }

    function test_InvitingAMemberReverts() public {
        enrol(1);
        bytes memory expected = abi.encodeWithSelector(IExperiment.AlreadyInvited.selector, learner(0));
        reverts(ORGANIZER, listOf(learner(0), learner(1)), expected);
    }

    function test_EveryoneOnTheListIsInvited() public {
        vm.expectEmit(address(experiment));
        emit IExperiment.Invited(learner(0));
        vm.expectEmit(address(experiment));
        emit IExperiment.Invited(learner(1));
        vm.prank(ORGANIZER);
        experiment.invite(listOf(learner(0), learner(1)));
        assertTrue(experiment.snapshot(learner(0)).invited, "first");
        assertTrue(experiment.snapshot(learner(1)).invited, "second");
    }

    function test_InvitingNobodyChangesNothing() public {
        bytes32 before = keccak256(abi.encode(experiment.snapshot(learner(0))));
        vm.prank(ORGANIZER);
        experiment.invite(new address[](0));
        assertEq(keccak256(abi.encode(experiment.snapshot(learner(0)))), before, "snapshot");
    }

    function test_ARemovedLearnerCanBeInvitedAgainWithItsMembershipLeftAsItIs() public {
        enrol(1);
        remove(learner(0));
        invite(learner(0));
        assertTrue(experiment.snapshot(learner(0)).invited, "invited");
        assertEq(experiment.snapshot(learner(0)).firstRound, 1, "first round");
        assertEq(lastRoundOf(learner(0)), 0, "last round");
    }
}
