// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract ContributeTest is ExperimentTest {
    function setUp() public {
        openWith(3, fanInRules());
    }

    function fanInRules() private pure returns (IExperiment.Rules memory rules) {
        rules = usualRules();
        rules.contributionWindow = 200;
    }

    function reverts(address caller, uint256 number, bytes32 digest, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.contribute(number, digest);
    }

    function test_AContributionToARoundThatWasNeverOpenedReverts() public {
        reverts(learner(1), 2, MODEL, abi.encodeWithSelector(IExperiment.NotProposing.selector, 2, Status.None));
    }

    function test_AContributionAfterTheProposalReverts() public {
        propose(1);
        reverts(learner(1), 1, MODEL, abi.encodeWithSelector(IExperiment.NotProposing.selector, 1, Status.Voting));
    }

    function test_AContributionToAClosedRoundReverts() public {
        passTurn(1);
        reverts(learner(1), 1, MODEL, abi.encodeWithSelector(IExperiment.NotProposing.selector, 1, Status.Skipped));
    }

    function test_AContributionWhereRoundsAreNotFanInReverts() public {
        openWith(3);
        reverts(learner(1), 1, MODEL, abi.encodeWithSelector(IExperiment.ContributionsClosed.selector, 1, 0));
    }

    function test_AContributionASecondAfterItsWindowReverts() public {
        vm.warp(DEPLOYED_AT + 201);
        bytes memory expected = abi.encodeWithSelector(IExperiment.ContributionsClosed.selector, 1, DEPLOYED_AT + 200);
        reverts(learner(1), 1, MODEL, expected);
    }

    function test_AContributionAtTheExactEndOfItsWindowIsAnnounced() public {
        vm.warp(DEPLOYED_AT + 200);
        vm.expectEmit(address(experiment));
        emit IExperiment.Contributed(1, learner(1), MODEL);
        vm.prank(learner(1));
        experiment.contribute(1, MODEL);
    }

    function test_AStrangersContributionReverts() public {
        reverts(STRANGER, 1, MODEL, abi.encodeWithSelector(IExperiment.NotMember.selector, STRANGER, 1));
    }

    function test_ANewcomersContributionInItsRoundOfNoticeReverts() public {
        enrol(learner(3));
        reverts(learner(3), 1, MODEL, abi.encodeWithSelector(IExperiment.NotMember.selector, learner(3), 1));
    }

    function test_AnEmptyContributionReverts() public {
        reverts(learner(1), 1, 0, abi.encodeWithSelector(IExperiment.EmptyDigest.selector));
    }

    function test_AContributionStoresNothing() public {
        bytes32 before = keccak256(abi.encode(experiment.snapshot(learner(1))));
        vm.prank(learner(1));
        experiment.contribute(1, MODEL);
        assertEq(keccak256(abi.encode(experiment.snapshot(learner(1)))), before, "snapshot");
    }
}
