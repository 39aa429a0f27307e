//! What agents and systems write about themselves. The first rule that matches counts, so that the ones that pretend
//! to be others stand before those others.

/// Agents: pattern and name.
pub(super) const AGENTS: &[(&str, &str)] = &[
    // Crawlers first: they name browsers too.
    (r"Googlebot-Image/(?P<version>[\d.]+)", "Googlebot-Image"),
    (
        r"(?P<name>Googlebot|bingbot|AdsBot-Google|Applebot|YandexBot|AhrefsBot|SemrushBot|DotBot|PetalBot|GPTBot|ClaudeBot|Amazonbot|Bytespider|DuckDuckBot|Baiduspider|MJ12bot|CCBot|facebookexternalhit|Twitterbot|LinkedInBot|Slackbot|Discordbot|TelegramBot|Pingdom\.com_bot|UptimeRobot)/?(?P<version>[\d.]+)?",
        "",
    ),
    (r"(?P<name>[A-Za-z0-9_-]+[Bb]ot)/(?P<version>[\d.]+)", ""),
    // Tools and libraries.
    (
        r"^(?P<name>curl|Go-http-client|PostmanRuntime|okhttp|axios|HTTPie|insomnia|Prometheus|Grafana|kube-probe|Wget|Apache-HttpClient|node-fetch|reqwest|hyper|undici|libcurl|Faraday|Java|Dart|aws-cli|Boto3|Terraform|Consul|ELB-HealthChecker|GoogleHC|Envoy|k6|ApacheBench|JMeter|got|restsharp|Guzzle|GuzzleHttp|Ruby|rest-client|git|kubectl)/v?(?P<version>[\d.]+)",
        "",
    ),
    (r"^python-requests/(?P<version>\d+\.\d+)", "Python Requests"),
    (r"^[Pp]ython-urllib\d?/(?P<version>[\d.]+)", "Python-urllib"),
    (r"^Python/\S+ aiohttp/(?P<version>[\d.]+)", "aiohttp"),
    (r"^python-httpx/(?P<version>[\d.]+)", "Python HTTPX"),
    (r"^OTel[- ]OTLP|^OpenTelemetry", "OpenTelemetry"),
    (r"^libwww-perl/(?P<version>[\d.]+)", "libwww-perl"),
    // Browsers built on Chromium.
    (r"Edge/(?P<version>[\d.]+)", "Edge"),
    (r"EdgA/(?P<version>[\d.]+)", "Edge Mobile"),
    (r"EdgiOS/(?P<version>[\d.]+)", "Edge Mobile"),
    (r"Edg/(?P<version>[\d.]+)", "Edge"),
    (r"SamsungBrowser/(?P<version>[\d.]+)", "Samsung Internet"),
    (r"OPR/(?P<version>[\d.]+).*Mobile|Mobile.*OPR/[\d.]+", "Opera Mobile"),
    (r"OPR/(?P<version>[\d.]+)", "Opera"),
    (r"Opera Mini/(?P<version>[\d.]+)", "Opera Mini"),
    (r"Opera/.*Version/(?P<version>[\d.]+)", "Opera"),
    (r"Opera[/ ](?P<version>[\d.]+)", "Opera"),
    (r"YaBrowser/(?P<version>[\d.]+)", "Yandex Browser"),
    (r"Vivaldi/(?P<version>[\d.]+)", "Vivaldi"),
    (r"UCBrowser/(?P<version>[\d.]+)", "UC Browser"),
    (r"MiuiBrowser/(?P<version>[\d.]+)", "MiuiBrowser"),
    (r"HeadlessChrome/(?P<version>[\d.]+)", "HeadlessChrome"),
    (r"Electron/(?P<version>[\d.]+)", "Electron"),
    (r"CriOS/(?P<version>[\d.]+)", "Chrome Mobile iOS"),
    (r"FxiOS/(?P<version>[\d.]+)", "Firefox iOS"),
    (r"; wv\).*Chrome/(?P<version>[\d.]+)", "Chrome Mobile WebView"),
    (r"Chromium/(?P<version>[\d.]+)", "Chromium"),
    (r"Chrome/(?P<version>[\d.]+) Mobile", "Chrome Mobile"),
    (r"Chrome/(?P<version>[\d.]+)", "Chrome"),
    // Gecko, WebKit, Trident.
    (r"Thunderbird/(?P<version>[\d.]+)", "Thunderbird"),
    (r"SeaMonkey/(?P<version>[\d.]+)", "SeaMonkey"),
    (r"(?:Mobile|Tablet);.*Firefox/(?P<version>[\d.]+)", "Firefox Mobile"),
    (r"Firefox/(?P<version>[\d.]+)", "Firefox"),
    (r"Android.*Version/(?P<version>[\d.]+).*Safari", "Android"),
    (r"Version/(?P<version>[\d.]+) Mobile/\S+ Safari/", "Mobile Safari"),
    (r"(?:iPhone|iPad|iPod).*AppleWebKit.*Mobile/\S+$", "Mobile Safari UI/WKWebView"),
    (r"Version/(?P<version>[\d.]+).*Safari/", "Safari"),
    (r"Trident/7.*rv:(?P<version>[\d.]+)", "IE"),
    (r"MSIE (?P<version>[\d.]+)", "IE"),
];

/// Systems: pattern and name.
pub(super) const SYSTEMS: &[(&str, &str)] = &[
    (r"Tizen[/ ](?P<version>[\d.]+)", "Tizen"),
    (r"Web0S", "webOS"),
    (r"Windows Phone(?: OS)? (?P<version>[\d.]+)", "Windows Phone"),
    (r"Windows NT (?P<version>[\d.]+)", "Windows"),
    (r"Windows", "Windows"),
    (r"(?:CPU OS|iPhone OS|CPU iPhone OS) (?P<version>\d+[_.\d]*)", "iOS"),
    (r"iPhone|iPad|iPod", "iOS"),
    (r"Mac OS X (?P<version>\d+[_.\d]*)", "Mac OS X"),
    (r"Mac OS X|Macintosh", "Mac OS X"),
    (r"Android[ /-](?P<version>\d[\d.]*)", "Android"),
    (r"Android", "Android"),
    (r"CrOS \S+ (?P<version>[\d.]+)", "Chrome OS"),
    (r"KAIOS/(?P<version>[\d.]+)", "KaiOS"),
    (r"(?P<name>Ubuntu|Fedora|Debian|FreeBSD|OpenBSD|NetBSD)(?:/(?P<version>\d[\d.]*))?", ""),
    (r"Linux", "Linux"),
];

/// Kernels of Windows and the releases that they are.
pub(super) const WINDOWS: &[(&str, &str)] = &[
    ("5.1", "XP"),
    ("5.2", "XP"),
    ("6.0", "Vista"),
    ("6.1", "7"),
    ("6.2", "8"),
    ("6.3", "8.1"),
    ("6.4", "10"),
    ("10.0", "10"),
];
