// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ExperimentTest} from "../ExperimentTest.sol";

contract MembershipCountTest is ExperimentTest {
    function test_EveryMembershipCountsForGood() public {
        deploy(usualRules());
        assertEq(experiment.membershipCount(), 0, "at first");
        enrol(2);
        assertEq(experiment.membershipCount(), 2, "two joined");
        resign(learner(0));
        assertEq(experiment.membershipCount(), 2, "one resigned");
        join(learner(0));
        assertEq(experiment.membershipCount(), 3, "and came back");
    }
}
