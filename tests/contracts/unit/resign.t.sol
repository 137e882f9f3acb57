// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract ResignTest is ExperimentTest {
    function setUp() public {
        openWith(4);
    }

    function reverts(address caller, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.resign();
    }

    function test_AStrangersResignationReverts() public {
        reverts(STRANGER, abi.encodeWithSelector(IExperiment.NotActive.selector, STRANGER, 0));
    }

    function test_ResigningTwiceReverts() public {
        resign(learner(1));
        reverts(learner(1), abi.encodeWithSelector(IExperiment.NotActive.selector, learner(1), 1));
    }

    function test_ResigningEndsWithTheOpenRound() public {
        vm.expectEmit(address(experiment));
        emit IExperiment.MembershipEnded(learner(1), 1, 1);
        resign(learner(1));
        assertEq(lastRoundOf(learner(1)), 1, "last round of the address");
        assertEq(experiment.memberships(1, 1)[0].lastRound, 1, "last round of the membership");
        assertEq(experiment.round(1).electorate, 15, "the open round");
        lapse(1);
        assertEq(experiment.round(2).electorate, 13, "the next");
    }

    function test_ResigningKeepsTheInvitation() public {
        resign(learner(1));
        assertTrue(experiment.snapshot(learner(1)).invited, "invited");
    }

    function test_ARemovedLearnerMayGoEarlier() public {
        remove(learner(1));
        resign(learner(1));
        assertEq(lastRoundOf(learner(1)), 1, "last round");
        assertEq(experiment.snapshot(learner(1)).departing, 0, "departing");
        lapse(1);
        assertEq(experiment.round(2).electorate, 13, "electorate");
    }

    function test_ANewcomerMayGoBeforeItBegan() public {
        enrol(learner(4));
        resign(learner(4));
        assertEq(lastRoundOf(learner(4)), 1, "last round");
        assertEq(experiment.snapshot(learner(4)).arriving, 0, "arriving");
        lapse(1);
        lapse(2);
        assertEq(experiment.round(3).electorate, 15, "electorate");
    }

    function test_WhenNoRoundIsOpenResigningIsAtOnce() public {
        deploy(usualRules());
        enrol(3);
        resign(learner(1));
        assertEq(lastRoundOf(learner(1)), 0, "last round");
        assertEq(experiment.snapshot(learner(1)).active, 5, "active");
    }

    function test_TooManyResignationsPauseTheExperiment() public {
        resign(learner(1));
        resign(learner(2));
        resign(learner(3));
        lapse(1);
        assertPhase(IExperiment.Phase.Joining);
    }
}
