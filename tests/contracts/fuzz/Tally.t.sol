// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

/// @title Whatever the threshold, the learners and their ballots: the outcome is what the rule says.
contract TallyTest is ExperimentTest {
    uint256 private cast;
    uint256 private approvals;

    function testFuzz_AcceptedIffEnoughOfAllVotersApproved(
        uint16 thresholdBps,
        uint8 count,
        uint256 ballots,
        bool countProposer
    ) public {
        uint256 voters = among(thresholdBps, count, countProposer, false);
        everyoneVotes(ballots);
        if (experiment.round(1).status == Status.Voting) lapse(1);
        uint256 threshold = experiment.rules().thresholdBps;
        bool enough = approvals * 10_000 >= threshold * voters;
        assertClosed(
            1, enough ? Status.Accepted : Status.Rejected, cast == voters ? Closing.Complete : Closing.Deadline
        );
    }

    function testFuzz_AnEarlyClosingIsNeverTooEarlyNorTooLate(
        uint16 thresholdBps,
        uint8 count,
        uint256 ballots,
        bool countProposer
    ) public {
        uint256 voters = among(thresholdBps, count, countProposer, true);
        uint256 threshold = experiment.rules().thresholdBps;
        for (uint256 i = 0; i < 20; ++i) {
            bool won = approvals * 10_000 >= threshold * voters;
            bool lost = (approvals + voters - cast) * 10_000 < threshold * voters;
            bool open = experiment.round(1).status == Status.Voting;
            assertTrue(open == (cast == 0 || (cast < voters && !won && !lost)), "open");
            if (!open) {
                assertClosed(
                    1, won ? Status.Accepted : Status.Rejected, cast < voters ? Closing.Certain : Closing.Complete
                );
                return;
            }
            voteAs(i, Ballot(field(ballots, i)));
        }
    }

    /// @dev Opens a round for 2 to 20 learners and has it proposed for; how many of them are voters.
    function among(uint16 thresholdBps, uint8 count, bool countProposer, bool closeEarly) private returns (uint256) {
        IExperiment.Rules memory rules = usualRules();
        rules.thresholdBps = uint16(bound(thresholdBps, 1, 10_000));
        rules.countProposer = countProposer;
        rules.closeEarly = closeEarly;
        uint256 learners = bound(count, 2, 20);
        openWith(learners, rules);
        propose(1);
        return countProposer ? learners : learners - 1;
    }

    function field(uint256 ballots, uint256 i) private pure returns (uint256) {
        return (ballots >> (2 * i)) & 3;
    }

    function everyoneVotes(uint256 ballots) private {
        for (uint256 i = 0; i < 20; ++i) {
            voteAs(i, Ballot(field(ballots, i)));
        }
    }

    /// @dev None: this learner stays silent. Those who have no ballot do too.
    function voteAs(uint256 i, Ballot ballot) private {
        if (ballot == Ballot.None || !experiment.snapshot(learner(i)).joined) return;
        if (i == 0 && !experiment.rules().countProposer) return;
        vote(1, learner(i), ballot);
        ++cast;
        if (ballot == Ballot.Approve) ++approvals;
    }
}
