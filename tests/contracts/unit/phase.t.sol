// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract PhaseTest is ExperimentTest {
    function setUp() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 2;
        deploy(rules);
        enrol(2);
    }

    function test_JoiningBeforeTheStart() public view {
        assertPhase(IExperiment.Phase.Joining);
    }

    function test_ProposingWhileTheProposalIsAwaited() public {
        start();
        assertPhase(IExperiment.Phase.Proposing);
    }

    function test_VotingWhileBallotsAreAwaitedInTheLastRoundToo() public {
        start();
        propose(1);
        assertPhase(IExperiment.Phase.Voting);
        lapse(1);
        propose(2);
        assertPhase(IExperiment.Phase.Voting);
    }

    function test_JoiningInAPause() public {
        start();
        resign(learner(0));
        lapse(1);
        assertPhase(IExperiment.Phase.Joining);
    }

    function test_FinishedAfterTheLastRound() public {
        start();
        lapse(1);
        lapse(2);
        assertPhase(IExperiment.Phase.Finished);
    }
}
