//! The words of the people's world: pages, products, files, campaigns, browsers.

/// Pages of whoever compares offers: names and paths.
pub(super) const OFFER_PAGES: &[(&str, &str)] = &[
    ("Home", "/"),
    ("Pricing", "/pricing"),
    ("Pricing for teams", "/pricing/teams"),
    ("Spring offer", "/offers/spring"),
    ("Special offers", "/offers/special/"),
    ("Customers", "/customers"),
    ("Blog", "/blog/what-is-new"),
    ("Documentation", "/docs/start"),
];

/// Pages of whoever looks for a car.
pub(super) const CAR_PAGES: &[(&str, &str)] = &[
    ("Home", "/"),
    ("Models", "/models/"),
    ("City car", "/models/city/mini"),
    ("Family car", "/models/family/combi"),
    ("Compact SUV", "/models/suv/compact"),
    ("Large SUV", "/models/suv/grand"),
    ("Price list", "/price-list"),
    ("Configurator", "/configurator/suv"),
    ("Leasing", "/leasing"),
    ("Loan", "/loan"),
    ("Insurance", "/insurance"),
];

/// Pages of a shop beside its products.
pub(super) const SHOP_PAGES: &[(&str, &str)] = &[
    ("Home", "/"),
    ("Shoes", "/shoes/running"),
    ("Trail shoes", "/shoes/trail"),
    ("Jackets", "/jackets/winter"),
    ("Diamonds", "/diamonds/rings"),
    ("Offers", "/offers/week"),
    ("Delivery", "/help/delivery"),
];

/// Products: id, category, price in cents.
pub(super) const PRODUCTS: &[(&str, &str, u64)] = &[
    ("running-shoe", "sport-shoes", 44_900),
    ("trail-shoe", "sport-shoes", 52_900),
    ("wool-coat", "coats", 79_900),
    ("rain-coat", "coats", 35_900),
    ("down-jacket", "jackets", 64_900),
    ("silver-ring", "diamonds", 129_900),
    ("socks", "accessories", 3_900),
    ("cap", "accessories", 5_900),
];

/// What people search for.
pub(super) const SEARCHES: &[&str] = &["coat", "running shoes", "ring", "gift for her", "size 44", "sale"];

/// Files to take home.
pub(super) const FILES: &[&str] = &[
    "/brochures/suv.pdf",
    "/brochures/city.pdf",
    "/brochures/overview.pdf",
    "/offers/special/leasing.pdf",
    "/offers/special/spring.pdf",
];

/// Cities with their countries; the first are the most frequent.
pub(super) const CITIES: &[(&str, &str)] = &[
    ("Kraków", "PL"),
    ("Warszawa", "PL"),
    ("Wieliczka", "PL"),
    ("Gdańsk", "PL"),
    ("Skawina", "PL"),
    ("Praha", "CZ"),
    ("Bratislava", "SK"),
    ("Berlin", "DE"),
];

/// What people do for a living.
pub(super) const PROFESSIONS: &[&str] = &["teacher", "physician", "lawyer", "architect", "engineer", "nurse", "driver"];

/// Browsers of people.
pub(super) const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
];

/// Machines that say what they are.
pub(super) const MACHINES: &[&str] = &[
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
];
