// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "./interfaces/IExperiment.sol";
import {Ballot} from "./types/Round.sol";

/// @title What learners sign (EIP-712), and whose signature it is.
abstract contract SignedBallots is IExperiment {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant BALLOT_TYPE = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");
    bytes32 private constant NAME_HASH = keccak256("colearn-chain");
    bytes32 private constant VERSION_HASH = keccak256("1");
    /// @dev Half the order of secp256k1: a larger s is the other form of a signature that exists already (EIP-2).
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @inheritdoc IExperiment
    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
    }

    /// @dev What the signature of a ballot is over.
    function _ballotHash(bytes32 domain, uint256 number, bytes32 digest, Ballot ballot)
        internal
        pure
        returns (bytes32)
    {
        bytes32 ballotHash = keccak256(abi.encode(BALLOT_TYPE, number, digest, ballot));
        return keccak256(abi.encodePacked(hex"1901", domain, ballotHash));
    }

    /// @dev The zero address for what is no signature.
    function _signer(bytes32 hash, Signature calldata signature) internal pure returns (address) {
        uint256 vs = uint256(signature.vs);
        uint256 s = vs & (type(uint256).max >> 1);
        if (s > HALF_ORDER) return address(0);
        return ecrecover(hash, vs == s ? 27 : 28, signature.r, bytes32(s));
    }
}
