// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract LearnersTest is ExperimentTest {
    function setUp() public {
        openWith(3);
    }

    /// @dev The list has exactly these learners, by the order of their memberships.
    function assertLearners(address[] memory expected) private view {
        IExperiment.Membership[] memory list = experiment.learners();
        assertEq(list.length, expected.length, "length");
        for (uint256 i = 0; i < list.length; ++i) {
            assertEq(list[i].learner, expected[i], "learner");
        }
    }

    function these(address a) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = a;
    }

    function these(address a, address b) private pure returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (a, b);
    }

    function these(address a, address b, address c) private pure returns (address[] memory list) {
        list = new address[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function these(address a, address b, address c, address d) private pure returns (address[] memory list) {
        list = new address[](4);
        (list[0], list[1], list[2], list[3]) = (a, b, c, d);
    }

    function test_NobodyBeforeAnyoneJoins() public {
        deploy(usualRules());
        assertEq(experiment.learners().length, 0, "length");
    }

    function test_ThoseOfTheOpenRound() public view {
        assertLearners(these(learner(0), learner(1), learner(2)));
    }

    function test_ANewcomerInItsRoundOfNoticeIsListed() public {
        enrol(learner(3));
        assertLearners(these(learner(0), learner(1), learner(2), learner(3)));
    }

    function test_OneThatResignedIsListedUntilTheRoundCloses() public {
        resign(learner(1));
        assertLearners(these(learner(0), learner(1), learner(2)));
        lapse(1);
        assertLearners(these(learner(0), learner(2)));
    }

    function test_OneUnderNoticeOfRemovalIsListedUntilItIsOver() public {
        remove(learner(1));
        lapse(1);
        assertLearners(these(learner(0), learner(1), learner(2)));
        lapse(2);
        assertLearners(these(learner(0), learner(2)));
    }

    function test_AMembershipThatEndedBeforeItBeganIsNotListed() public {
        enrol(learner(3));
        remove(learner(3));
        assertLearners(these(learner(0), learner(1), learner(2)));
        lapse(1);
        assertLearners(these(learner(0), learner(1), learner(2)));
    }

    function test_InAPauseThoseOfTheNextRoundAndLaterOnes() public {
        enrol(learner(3)); // from round 3
        remove(learner(1)); // with round 2
        resign(learner(0));
        resign(learner(2));
        lapse(1);
        assertPhase(IExperiment.Phase.Joining);
        assertLearners(these(learner(1), learner(3)));
    }

    function test_OneThatCameBackIsListedOnce() public {
        resign(learner(1));
        lapse(1);
        join(learner(1));
        assertLearners(these(learner(0), learner(2), learner(1)));
        assertEq(experiment.learners()[2].firstRound, 4, "first round");
    }

    function test_AMembershipIsListedWithAllThatIsKnownOfIt() public {
        invite(learner(3));
        vm.prank(learner(3));
        experiment.join("key");
        IExperiment.Membership memory expected = IExperiment.Membership(learner(3), 3, 3, uint24(NO_END), 0, "key");
        assertEq(abi.encode(experiment.learners()[3]), abi.encode(expected), "membership");
    }

    function test_NobodyOnceTheLastHasGone() public {
        deploy(usualRules());
        enrol(1);
        resign(learner(0));
        assertEq(experiment.learners().length, 0, "length");
        assertLearners(new address[](0));
        enrol(learner(1));
        assertLearners(these(learner(1)));
    }
}
