// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract RoundsTest is ExperimentTest {
    function setUp() public {
        openWith(3);
        propose(1);
        lapse(1);
        lapse(2);
    }

    function assertPage(uint256 from, uint256 count, uint256 expected) private view {
        IExperiment.RoundRecord[] memory page = experiment.rounds(from, count);
        assertEq(page.length, expected, "length");
        for (uint256 i = 0; i < page.length; ++i) {
            assertEq(page[i].digest, experiment.round(from + i).digest, "digest");
            assertEq(uint64(page[i].word), experiment.round(from + i).electorate, "electorate");
            assertEq(page[i].word >> 216, experiment.round(from + i).time, "time");
        }
    }

    function test_APageEndsWithTheRoundOpenedLast() public view {
        assertPage(1, 3, 3);
        assertPage(1, 4, 3);
        assertPage(2, type(uint256).max, 2);
        assertPage(3, 1, 1);
    }

    function test_APageIsNoLongerThanAskedFor() public view {
        assertPage(1, 0, 0);
        assertPage(1, 2, 2);
    }

    function test_APageBeyondTheLastRoundIsEmpty() public view {
        assertPage(4, 1, 0);
        assertPage(type(uint256).max, type(uint256).max, 0);
    }

    function test_RoundZeroIsThereAndEmpty() public view {
        IExperiment.RoundRecord[] memory page = experiment.rounds(0, 2);
        assertEq(page[0].word, 0, "word");
        assertEq(page[0].digest, 0, "digest");
        assertEq(page[1].digest, MODEL, "round 1");
    }
}
