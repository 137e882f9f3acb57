// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ballot} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract BallotOfTest is ExperimentTest {
    function setUp() public {
        openWith(3);
        propose(1);
        vote(1, learner(1), Ballot.Reject);
    }

    function test_ABallotOnRecordIsFound() public view {
        assertBallot(1, 1, Ballot.Reject);
    }

    function test_NoneBeforeTheLearnerVotes() public view {
        assertBallot(1, 2, Ballot.None);
    }

    function test_NoneForAMembershipThatWasNeverMade() public view {
        assertBallot(1, 3, Ballot.None);
        assertBallot(1, type(uint256).max, Ballot.None);
    }

    function test_NoneForARoundThatWasNeverOpened() public view {
        assertBallot(2, 1, Ballot.None);
        assertBallot(type(uint256).max, 1, Ballot.None);
    }

    function test_TheNextHolderOfASeatHasNoneOfTheFormerOnesBallots() public {
        resign(learner(1));
        lapse(1);
        enrol(learner(3)); // on seat 1, from round 4
        assertBallot(1, 3, Ballot.None);
        assertBallot(1, 1, Ballot.Reject);
    }

    function test_TheFormerHolderOfASeatHasNoneOfTheNextOnesBallots() public {
        resign(learner(1));
        lapse(1);
        enrol(learner(3));
        lapse(2);
        lapse(3);
        propose(4);
        vote(4, learner(0), Ballot.Approve);
        lapse(4);
        propose(5);
        vote(5, learner(3), Ballot.Approve);
        assertBallot(5, 3, Ballot.Approve);
        assertBallot(5, 1, Ballot.None);
    }

    function test_ABallotInTheFirstAndInTheLastRoundOfAMembershipIsFound() public {
        resign(learner(1)); // voted in its first round, which is its last now
        assertBallot(1, 1, Ballot.Reject);
        vote(1, learner(2), Ballot.Approve); // closes the round
        enrol(learner(3)); // on seat 1, from round 4
        lapse(2);
        lapse(3);
        resign(learner(3));
        lapse(4);
        assertBallot(4, 3, Ballot.None);
    }
}
