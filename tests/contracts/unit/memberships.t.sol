// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract MembershipsTest is ExperimentTest {
    function setUp() public {
        openWith(3);
    }

    function assertPage(uint256 from, uint256 count, uint256 expected) private view {
        IExperiment.Membership[] memory page = experiment.memberships(from, count);
        assertEq(page.length, expected, "length");
        for (uint256 i = 0; i < page.length; ++i) {
            assertEq(page[i].learner, learner(from + i), "learner");
        }
    }

    function test_APageEndsWithTheLastMembership() public view {
        assertPage(0, 3, 3);
        assertPage(0, 4, 3);
        assertPage(2, type(uint256).max, 1);
    }

    function test_APageIsNoLongerThanAskedFor() public view {
        assertPage(0, 0, 0);
        assertPage(1, 1, 1);
    }

    function test_APageBeyondTheLastMembershipIsEmpty() public view {
        assertPage(3, 1, 0);
        assertPage(type(uint256).max, type(uint256).max, 0);
    }

    function test_MembershipsThatEndedStayOnRecord() public {
        resign(learner(1));
        lapse(1);
        IExperiment.Membership memory expected = IExperiment.Membership(learner(1), 1, 1, 1, 0, NO_KEY);
        assertEq(abi.encode(experiment.memberships(1, 1)[0]), abi.encode(expected), "membership");
    }
}
