// SPDX-License-Identifier: Apache-2.0
// Regression contracts in the language of solc 0.6 and 0.7.
//@ compilers 0.6.12 0.7.6
pragma solidity >=0.6.0 <0.8.0;

abstract contract Owned {
    address payable owner;
    constructor() internal { owner = msg.sender; }
    modifier onlyOwner() { require(msg.sender == owner, "not the owner"); _; }
}

abstract contract ReentrancyGuard {
    uint256 private status;
    constructor() internal { status = 1; }
    modifier nonReentrant() { require(status != 2, "reentrant"); status = 2; _; status = 1; }
}

library SafeMath {
    function add(uint256 a, uint256 b) internal pure returns (uint256) { uint256 c = a + b; require(c >= a, "overflow"); return c; }
    function sub(uint256 a, uint256 b) internal pure returns (uint256) { require(b <= a, "underflow"); return a - b; }
}

interface Token {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

//@ vulnerable reentrancy/reentrancy-eth
contract Pool {
    mapping(address => uint256) public shares;
    function enter() external payable { shares[msg.sender] += msg.value; }
    function leave() external {
        (bool ok, ) = msg.sender.call{value: shares[msg.sender]}("");
        require(ok, "not sent");
        delete shares[msg.sender];
    }
}

//@ absent reentrancy
contract GuardedPool is ReentrancyGuard {
    mapping(address => uint256) public shares;
    function enter() external payable { shares[msg.sender] += msg.value; }
    function leave() external nonReentrant {
        (bool ok, ) = msg.sender.call{value: shares[msg.sender]}("");
        require(ok, "not sent");
        delete shares[msg.sender];
    }
}

//@ vulnerable unchecked_return_values/unchecked-token-transfer
contract Payroll is Owned {
    Token token;
    mapping(address => uint256) wages;
    constructor(Token of_) public { token = of_; }
    function grant(address who, uint256 wage) external onlyOwner { wages[who] = wage; }
    function claim() external { uint256 wage = wages[msg.sender]; wages[msg.sender] = 0; token.transfer(msg.sender, wage); }
}

//@ absent unchecked_low_level_calls
contract CheckedPayroll is Owned {
    Token token;
    mapping(address => uint256) wages;
    constructor(Token of_) public { token = of_; }
    function grant(address who, uint256 wage) external onlyOwner { wages[who] = wage; }
    function claim() external { uint256 wage = wages[msg.sender]; wages[msg.sender] = 0; require(token.transfer(msg.sender, wage), "failed"); }
}

//@ vulnerable access_control/unprotected-initializer
contract Implementation {
    address owner;
    function initialize(address first) external { owner = first; }
    function run(address to, bytes calldata data) external { require(msg.sender == owner, "no"); (bool ok, ) = to.delegatecall(data); require(ok, "failed"); }
}

//@ absent access_control
contract InitializedImplementation {
    address owner;
    bool initialized;
    function initialize(address first) external { require(!initialized, "again"); initialized = true; owner = first; }
    function run(address to, bytes calldata data) external { require(msg.sender == owner, "no"); (bool ok, ) = to.delegatecall(data); require(ok, "failed"); }
}

//@ vulnerable access_control/signature-replay
contract Cheques {
    address signer;
    constructor() public { signer = msg.sender; }
    function cash(uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        require(ecrecover(keccak256(abi.encode(msg.sender, amount)), v, r, s) == signer, "not signed");
        msg.sender.transfer(amount);
    }
    receive() external payable {}
}

//@ absent access_control
contract NumberedCheques {
    address signer;
    mapping(bytes32 => bool) used;
    constructor() public { signer = msg.sender; }
    function cash(uint256 amount, uint256 number, uint8 v, bytes32 r, bytes32 s) external {
        bytes32 hash = keccak256(abi.encode(address(this), msg.sender, amount, number));
        require(!used[hash], "cashed");
        used[hash] = true;
        require(signer != address(0) && ecrecover(hash, v, r, s) == signer, "not signed");
        msg.sender.transfer(amount);
    }
    receive() external payable {}
}

//@ vulnerable arithmetic/integer-overflow
contract Rewards {
    mapping(address => uint256) points;
    uint256 public total;
    function earn(uint256 count) external { points[msg.sender] += count; total += count; }
}

//@ absent arithmetic
contract SafeRewards {
    using SafeMath for uint256;
    mapping(address => uint256) points;
    uint256 public total;
    function earn(uint256 count) external { points[msg.sender] = points[msg.sender].add(count); total = total.add(count); }
}

//@ vulnerable honeypot/hidden-mint
contract MintToken is Owned {
    using SafeMath for uint256;
    event Transfer(address indexed from, address indexed to, uint256 value);
    mapping(address => uint256) balances;
    uint256 public totalSupply;
    function balanceOf(address who) external view returns (uint256) { return balances[who]; }
    function transfer(address to, uint256 value) external returns (bool) {
        balances[msg.sender] = balances[msg.sender].sub(value);
        balances[to] = balances[to].add(value);
        emit Transfer(msg.sender, to, value);
        return true;
    }
    function reward(address to, uint256 value) external onlyOwner { balances[to] = balances[to].add(value); }
}

//@ absent honeypot/hidden-mint
contract BurnToken is Owned {
    using SafeMath for uint256;
    event Transfer(address indexed from, address indexed to, uint256 value);
    mapping(address => uint256) balances;
    uint256 public totalSupply;
    constructor() public { totalSupply = 1000 ether; balances[msg.sender] = totalSupply; }
    function balanceOf(address who) external view returns (uint256) { return balances[who]; }
    function transfer(address to, uint256 value) external returns (bool) {
        balances[msg.sender] = balances[msg.sender].sub(value);
        balances[to] = balances[to].add(value);
        emit Transfer(msg.sender, to, value);
        return true;
    }
    function burn(uint256 value) external { balances[msg.sender] = balances[msg.sender].sub(value); totalSupply = totalSupply.sub(value); emit Transfer(msg.sender, address(0), value); }
}

//@ benign
contract Timelock is Owned {
    mapping(bytes32 => uint256) public ready;
    event Queued(bytes32 id, uint256 at);
    function queue(address to, uint256 value, bytes calldata data) external onlyOwner {
        bytes32 id = keccak256(abi.encode(to, value, data));
        ready[id] = block.timestamp + 2 days;
        emit Queued(id, ready[id]);
    }
    function execute(address to, uint256 value, bytes calldata data) external payable onlyOwner {
        bytes32 id = keccak256(abi.encode(to, value, data));
        require(ready[id] != 0 && ready[id] <= block.timestamp, "not ready");
        delete ready[id];
        (bool ok, ) = to.call{value: value}(data);
        require(ok, "failed");
    }
}

//@ benign
contract Registry is Owned {
    mapping(bytes32 => address) public names;
    event Registered(bytes32 indexed name, address who);
    function register(bytes32 name) external { require(names[name] == address(0), "taken"); names[name] = msg.sender; emit Registered(name, msg.sender); }
    function release(bytes32 name) external { require(names[name] == msg.sender, "not yours"); delete names[name]; }
}
