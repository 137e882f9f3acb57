// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract HistoryHashTest is ExperimentTest {
    function test_TheHashIsFoldedFromTheViewsAlone() public {
        openWith(3);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        enrol(learner(3));
        vote(1, learner(2), Ballot.Unavailable);
        lapse(2);
        resign(learner(1));
        passTurn(3);
        assertEq(folded(), experiment.historyHash(), "history hash");
    }

    function test_InvitingProposingVotingAndEndingLeaveItAlone() public {
        openWith(3);
        bytes32 before = experiment.historyHash();
        invite(STRANGER);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        resign(learner(1));
        remove(learner(2));
        assertEq(experiment.historyHash(), before, "history hash");
    }

    /// @dev What a third party does with a copy of the history: joins and closings in the order that closings tell.
    function folded() private view returns (bytes32 hash) {
        hash = keccak256(abi.encode(block.chainid, experiment, experiment.rules(), SPEC, ORGANIZER));
        IExperiment.Membership[] memory list = experiment.memberships(0, type(uint256).max);
        IExperiment.RoundRecord[] memory records = experiment.rounds(1, type(uint256).max);
        uint256 next = 0;
        for (uint256 closed = 0; closed < records.length; ++closed) {
            while (next < list.length && list[next].closings <= closed) {
                IExperiment.Membership memory m = list[next];
                hash = keccak256(abi.encode(hash, next++, m.learner, m.seat, m.firstRound, m.encryptionKey));
            }
            bool open = closed + 1 == records.length; // in this test the last round is
            if (!open) hash = keccak256(abi.encode(hash, closed + 1, records[closed].word, records[closed].digest));
        }
    }
}
