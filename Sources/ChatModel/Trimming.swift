extension BidirectionalCollection {
    /// Without the elements at the end that meet the condition.
    package func dropLast(while isDropped: (Element) -> Bool) -> SubSequence {
        var end = endIndex
        while end > startIndex, isDropped(self[index(before: end)]) { formIndex(before: &end) }
        return self[..<end]
    }
}
