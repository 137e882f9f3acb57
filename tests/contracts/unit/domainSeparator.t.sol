// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ExperimentTest} from "../ExperimentTest.sol";

contract DomainSeparatorTest is ExperimentTest {
    function setUp() public {
        vm.chainId(4711);
        deploy(usualRules());
    }

    function domain(uint256 chain, address contract_) private pure returns (bytes32) {
        bytes32 kind = keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        return keccak256(abi.encode(kind, keccak256("colearn-chain"), keccak256("1"), chain, contract_));
    }

    function test_TheDomainIsOfThisContractAndChain() public view {
        assertEq(experiment.domainSeparator(), domain(4711, address(experiment)), "domain");
    }

    function test_AfterAForkTheDomainIsOfTheNewChain() public {
        vm.chainId(4712);
        assertEq(experiment.domainSeparator(), domain(4712, address(experiment)), "domain");
        vm.chainId(4711);
        assertEq(experiment.domainSeparator(), domain(4711, address(experiment)), "back");
    }

    function test_AnotherContractHasAnotherDomain() public {
        bytes32 first = experiment.domainSeparator();
        deploy(usualRules());
        assertTrue(experiment.domainSeparator() != first, "domain");
    }
}
