/// Where an app lives; it lives in exactly one (Cloud.md §1.2). A host that is not in this table
/// can be given as an endpoint: the vendor's list changes.
package enum Region: String, CaseIterable, Sendable {
    case china, singapore, seoul, tokyo, frankfurt
    case siliconValley = "silicon_valley"
    case jakarta

    package var endpoint: String {
        switch self {
        case .china: "https://console.tim.qq.com"
        case .singapore: "https://adminapisgp.im.qcloud.com"
        case .seoul: "https://adminapikr.im.qcloud.com"
        case .tokyo: "https://adminapijpn.im.qcloud.com"
        case .frankfurt: "https://adminapiger.im.qcloud.com"
        case .siliconValley: "https://adminapiusa.im.qcloud.com"
        case .jakarta: "https://adminapiidn.im.qcloud.com"
        }
    }
}
