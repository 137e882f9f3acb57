// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract RoundViewTest is ExperimentTest {
    function test_ARoundThatWasNeverOpenedIsAllZero() public {
        openWith(3);
        IExperiment.RoundView memory nothing;
        assertEq(abi.encode(experiment.round(0)), abi.encode(nothing), "round 0");
        assertEq(abi.encode(experiment.round(2)), abi.encode(nothing), "round 2");
        assertEq(abi.encode(experiment.round(type(uint256).max)), abi.encode(nothing), "the largest");
    }

    function test_AnOpenRoundShowsItsElectorateProposerAndDeadline() public {
        openWith(3);
        IExperiment.RoundView memory expected;
        expected.electorate = 7;
        expected.status = Status.Proposing;
        expected.time = uint40(DEPLOYED_AT + 600);
        assertEq(abi.encode(experiment.round(1)), abi.encode(expected), "round");
    }

    function test_AClosedRoundShowsEveryBallotOnItsSeatUpToTheHighest() public {
        IExperiment.Rules memory rules = usualRules();
        rules.countProposer = true;
        openWith(64, rules);
        propose(1);
        IExperiment.RoundView memory expected;
        for (uint256 seat = 0; seat < 64; ++seat) {
            uint64 bit = uint64(1) << uint64(seat);
            if (seat % 3 == 0) expected.approvals |= bit;
            else if (seat % 3 == 1) expected.rejections |= bit;
            else expected.unavailables |= bit;
            vote(1, learner(seat), Ballot(1 + seat % 3));
        }
        expected.electorate = type(uint64).max;
        expected.status = Status.Rejected;
        expected.closing = Closing.Complete;
        expected.time = uint40(DEPLOYED_AT);
        expected.digest = MODEL;
        assertEq(abi.encode(experiment.round(1)), abi.encode(expected), "round");
    }
}
