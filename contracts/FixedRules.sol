// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "./interfaces/IExperiment.sol";
import {NO_END} from "./types/Membership.sol";

/// @title The rules of an experiment, fixed at deployment.
/// @dev Rules are kept as whole words: a narrower immutable would be cut to size wherever it is read.
abstract contract FixedRules is IExperiment {
    uint256 internal constant BASIS_POINTS = 10_000;
    uint256 internal constant SEATS = 64;
    uint256 private constant LONGEST_WINDOW = 30 days;

    uint256 internal immutable THRESHOLD_BPS;
    uint256 internal immutable PROPOSAL_WINDOW;
    uint256 internal immutable VOTING_WINDOW;
    uint256 internal immutable CONTRIBUTION_WINDOW;
    uint256 internal immutable MIN_LEARNERS;
    uint256 internal immutable MAX_ROUNDS;
    uint256 internal immutable IDLE_ROUNDS;
    uint256 internal immutable START_DEADLINE;
    bool internal immutable COUNT_PROPOSER;
    bool internal immutable CLOSE_EARLY;

    constructor(Rules memory rules_) {
        _checkRange("thresholdBps", rules_.thresholdBps, 1, BASIS_POINTS);
        _checkRange("proposalWindow", rules_.proposalWindow, 1, LONGEST_WINDOW);
        _checkRange("votingWindow", rules_.votingWindow, 1, LONGEST_WINDOW);
        _checkRange("contributionWindow", rules_.contributionWindow, 0, rules_.proposalWindow - 1);
        _checkRange("minLearners", rules_.minLearners, 2, SEATS);
        // Two less than the largest number, so that a newcomer's first round is never NO_END.
        _checkRange("maxRounds", rules_.maxRounds, 1, NO_END - 2);
        _checkRange("idleRounds", rules_.idleRounds, 1, 32);
        THRESHOLD_BPS = rules_.thresholdBps;
        PROPOSAL_WINDOW = rules_.proposalWindow;
        VOTING_WINDOW = rules_.votingWindow;
        CONTRIBUTION_WINDOW = rules_.contributionWindow;
        MIN_LEARNERS = rules_.minLearners;
        MAX_ROUNDS = rules_.maxRounds;
        IDLE_ROUNDS = rules_.idleRounds;
        START_DEADLINE = rules_.startDeadline;
        COUNT_PROPOSER = rules_.countProposer;
        CLOSE_EARLY = rules_.closeEarly;
    }

    /// @inheritdoc IExperiment
    function rules() external view returns (Rules memory) {
        return Rules({
            thresholdBps: uint16(THRESHOLD_BPS),
            proposalWindow: uint32(PROPOSAL_WINDOW),
            votingWindow: uint32(VOTING_WINDOW),
            contributionWindow: uint32(CONTRIBUTION_WINDOW),
            minLearners: uint8(MIN_LEARNERS),
            maxRounds: uint24(MAX_ROUNDS),
            idleRounds: uint8(IDLE_ROUNDS),
            startDeadline: uint40(START_DEADLINE),
            countProposer: COUNT_PROPOSER,
            closeEarly: CLOSE_EARLY
        });
    }

    function _checkRange(bytes32 rule, uint256 value, uint256 least, uint256 most) private pure {
        if (value < least || value > most) revert RuleOutOfRange(rule, value, least, most);
    }
}
