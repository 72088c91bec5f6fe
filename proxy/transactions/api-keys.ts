// The APIs that the tracker understands, by wire number. All others pass it by.
export const produceKey = 0
export const fetchKey = 1
export const offsetCommitKey = 8
export const findCoordinatorKey = 10
export const joinGroupKey = 11
export const heartbeatKey = 12
export const leaveGroupKey = 13
export const syncGroupKey = 14
export const apiVersionsKey = 18
export const initProducerIdKey = 22
export const addPartitionsToTxnKey = 24
export const addOffsetsToTxnKey = 25
export const endTxnKey = 26
export const writeTxnMarkersKey = 27
export const txnOffsetCommitKey = 28
export const consumerGroupHeartbeatKey = 68

/** Key types of FindCoordinator. */
export const groupKeyType = 0
export const transactionKeyType = 1
