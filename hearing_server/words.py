"""What the command line says, in English and Simplified Chinese."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

Locale = Literal["en", "zh-CN"]

WORDS: dict[str, tuple[str, str]] = {
    # --- settings ---
    "setting-unknown": ("There is no setting {name}.", "没有名为 {name} 的设置。"),
    "setting-value": (
        "The setting {name} cannot be “{value}”: it needs {expected}.",
        "设置 {name} 不能为“{value}”：应为{expected}。",
    ),
    "expected-bool": ("true or false", "true 或 false"),
    "expected-network": (
        "an address, or a network such as 10.0.0.0/8",
        "地址，或网络（如 10.0.0.0/8）",
    ),
    "expected-recipient": (
        "recipients as age-keygen prints them (age1…), separated by commas",
        "age-keygen 输出的接收者（age1…），以逗号分隔",
    ),
    "identity-unusable": (
        "The identity {path} cannot be used: {reason}. It is named by {name}.",
        "身份密钥 {path} 无法使用：{reason}。该文件由 {name} 指定。",
    ),
    "expected-name": ("a name without spaces or plus signs", "不含空格和加号的名称"),
    "expected-int": ("a whole number", "整数"),
    "expected-float": ("a number", "数字"),
    "expected-path": ("the path of a folder", "文件夹路径"),
    "expected-text": ("text", "文本"),
    "expected-choice": ("one of: {choices}", "以下之一：{choices}"),
    "expected-range": ("a number from {low} to {high}", "{low} 到 {high} 之间的数字"),
    "expected-relays": (
        "at most {most} addresses such as turn:turn.court.example:3478?transport=udp, separated by commas",
        "最多 {most} 个以逗号分隔的地址，如 turn:turn.court.example:3478?transport=udp",
    ),
    "expected-cosigners": (
        "verifier keys with the address of each after a space, separated by commas",
        "以逗号分隔的会签方公钥，每个公钥后空一格写其地址",
    ),
    "setting-either": ("{one} and {other} are both given: give one of them.", "{one} 与 {other} 只能设置其中一个。"),
    "setting-relay-pair": (
        "{urls} and {secret} are given together, or neither.",
        "{urls} 与 {secret} 须同时设置，或都不设置。",
    ),
    "setting-pair": (
        "{name} is missing: a certificate and its key are given together.",
        "缺少 {name}：证书与私钥须同时提供。",
    ),
    "setting-pair-mail": (
        "{name} is missing: joining messages need a sender.",
        "缺少 {name}：发送通知须有发件人地址。",
    ),
    "settings-file-unreadable": (
        "The settings file {path} cannot be read: {reason}.",
        "无法读取设置文件 {path}：{reason}。",
    ),
    "settings-file-not-toml": (
        "The settings file {path} is not TOML: {reason}.",
        "设置文件 {path} 不是 TOML:{reason}。",
    ),
    "settings-file-unknown": (
        "The settings file {path} has an unknown setting: {name}.",
        "设置文件 {path} 含有未知设置：{name}。",
    ),
    "identity-made": (
        "{path} is the secret: keep it where the court's servers do not reach. Encrypt records for {recipient}",
        "{path} 为私密文件，请保存在法院服务器无法触及之处。加密记录时使用接收者 {recipient}",
    ),
    # --- reconciliation ---
    "reconcile-progress": ("{done} of {count} records", "已检查 {done}/{count} 份记录"),
    "reconcile-well": (
        "Records looked at: {count}. Storage, manifests and database agree.",
        "{count} 份记录：存储、清单与数据库一致。",
    ),
    "reconcile-trouble": (
        "Records that need a look: {trouble} of {count}.",
        "{count} 份记录中有 {trouble} 份需要查看。",
    ),
    "reconcile-no-key": (
        "The court's public key is not at {path}, so no signature is looked at. "
        "Copy it there, or name its place with {name}.",
        "{path} 没有法院公钥，因此不检查签名。请将公钥复制到该处，或用 {name} 指定其位置。",
    ),
    "copies-bar": ("copying what one storage lacks", "正在复制其中一个存储缺少的内容"),
    "copies-left": (
        "Copies that could not be made, because a storage does not answer: {count}. "
        "They are made when this is run again.",
        "因存储无响应而未能完成的副本：{count} 份。再次运行时会继续复制。",
    ),
    "reconcile-repaired": ("set right: {what}", "已修复：{what}"),
    "found-object-missing": (
        "{place}: signed in the manifest and not in the storage",
        "{place}：清单中有签名，存储中没有",
    ),
    "found-object-empty": (
        "{place}: an empty file",
        "{place}：文件为空",
    ),
    "found-object-size": (
        "{place}: another size",
        "{place}：大小不符",
    ),
    "found-object-type": (
        "{place}: no segment of a record at all",
        "{place}：不是庭审记录数据段",
    ),
    "found-object-checksum": (
        "{place}: its bytes are not those that were signed",
        "{place}：内容与签名不符",
    ),
    "found-object-unlisted": (
        "{place}: in the storage and not in the manifest",
        "{place}：存储中有，清单中没有",
    ),
    "found-manifest-unreadable": (
        "the manifest cannot be read",
        "清单无法读取",
    ),
    "found-manifest-unsigned": (
        "the manifest is not signed by this court",
        "清单未经本院签名",
    ),
    "found-not-sealed": (
        "not sealed yet",
        "尚未封存",
    ),
    "found-not-playable": (
        "cannot be played yet",
        "尚不能播放",
    ),
    "found-not-anchored": (
        "not in the transparency log yet",
        "尚未登入透明日志",
    ),
    "found-derived-missing": (
        "{place}: a copy for playing is missing",
        "{place}：缺少播放副本",
    ),
    "found-derived-empty": (
        "{place}: a copy for playing is empty",
        "{place}：播放副本为空",
    ),
    "found-derived-size": (
        "{place}: a copy for playing has another size",
        "{place}：播放副本大小不符",
    ),
    "found-derived-orphan": (
        "{place}: left by an export that was broken off",
        "{place}：中断的导出所留",
    ),
    "found-added-missing": (
        "{place}: a recording that was added after the close is missing",
        "{place}：缺少闭庭后补充的录音录像",
    ),
    "found-added-size": (
        "{place}: a recording that was added after the close has another size",
        "{place}：闭庭后补充的录音录像大小不符",
    ),
    "found-added-checksum": (
        "{place}: a recording that was added after the close was altered",
        "{place}：闭庭后补充的录音录像已被改动",
    ),
    "found-added-unsigned": (
        "{place}: this statement on an added recording is not this court's, or not the next",
        "{place}：补充录音录像的说明未经本院签名或顺序不符",
    ),
    "found-added-orphan": (
        "{place}: lies beside the record, and no statement says what it is",
        "{place}：存放于记录旁，但没有说明",
    ),
    "found-not-locked": (
        "{place}: not locked for as long as was decided",
        "{place}：锁定期限短于所作决定",
    ),
    "found-copy-owed": (
        "{place} objects are in one of the two storages only",
        "有 {place} 个对象只存于一处存储",
    ),
    "found-destroyed-yet-there": (
        "destroyed by decision, yet {place} objects are there",
        "已决定销毁，但仍有 {place} 个对象",
    ),
    "found-record-missing": (
        "the database knows it, the storage has nothing",
        "数据库中有，存储中没有",
    ),
    "found-hash-differs": (
        "the database knows another manifest: {place}",
        "数据库所记清单与存储不符：{place}",
    ),
    "found-database-stale": (
        "the database is behind the manifest",
        "数据库落后于清单",
    ),
    "found-database-added": (
        "the database does not know what was done with added recordings, {place} times",
        "数据库缺少关于补充录音录像的 {place} 项操作",
    ),
    "found-database-missing": (
        "the database does not know this record: {place}",
        "数据库中没有该记录：{place}",
    ),
    "found-storage-away": (
        "could not be looked at: {place}",
        "无法检查：{place}",
    ),
    # --- the transparency log ---
    "log-key": ("Key of the log: {key}", "日志公钥：{key}"),
    "cosigner-ready": (
        "This cosigner watches {count} logs at {address}. Its key, for their settings and for whoever checks: {key}",
        "会签服务已在 {address} 启动，监看 {count} 个日志。供对方设置及核验使用的公钥：{key}",
    ),
    "verifier-key-wrong": ("This is no verifier key: {text}", "不是有效的公钥：{text}"),
    "log-grew": ("The log still begins with the head that was kept.", "日志仍以所保存的日志头为开端。"),
    "log-contradicts": (
        "The log contradicts what was signed earlier: {reason}. Keep both and ask why.",
        "日志与此前签署的内容矛盾：{reason}。请保留两者并追查原因。",
    ),
    "head-unreadable": ("The file {path} cannot be read: {reason}.", "无法读取文件 {path}：{reason}。"),
    "certificate-unusable": (
        "The certificates in {path} cannot be used: {reason}.",
        "无法使用 {path} 中的证书：{reason}。",
    ),
    # --- starting ---
    "port-in-use": (
        "Port {port} ({use}) is in use by another program. Choose another with {name}.",
        "端口 {port}（{use}）已被其他程序占用。请用 {name} 另选一个。",
    ),
    "hot-path-missing": (
        "The compiled path of the packets cannot be used: {reason}. Build it, or set {name} to auto.",
        "无法使用已编译的数据包通路：{reason}。请先编译，或将 {name} 设为 auto。",
    ),
    "port-next": (
        "Port {port} ({use}) is in use; taking {other} instead.",
        "端口 {port}（{use}）已被占用，改用 {other}。",
    ),
    "port-denied": (
        "Port {port} ({use}) is not allowed for this account. Choose one above 1023 with {name}.",
        "当前账户无权使用端口 {port}（{use}）。请用 {name} 选择大于 1023 的端口。",
    ),
    "address-unknown": (
        "This computer has no address {address} ({use}). Change {name}.",
        "本机没有地址 {address}（{use}）。请修改 {name}。",
    ),
    "folder-not-writable": (
        "The folder {path} cannot be written: {reason}. Nothing was started. Choose another with {name}.",
        "文件夹 {path} 无法写入：{reason}。未启动任何程序。请用 {name} 另选一个。",
    ),
    "lock-directory": (
        "{place} is a folder: it cannot refuse its administrator, as {name}=compliance demands. "
        "Use a bucket with Object Lock, or {name}=possible.",
        "{place} 是文件夹，无法像 {name}=compliance 要求的那样拒绝管理员。"
        "请使用启用对象锁定的存储桶，或设 {name}=possible。",
    ),
    "lock-bucket-unlocked": (
        "The bucket {place} was made without Object Lock, and {name}=compliance demands it. "
        "Make a new bucket with Object Lock, or let the recorder make one by naming a bucket that does not exist.",
        "存储桶 {place} 创建时未启用对象锁定，而 {name}=compliance 要求启用。"
        "请新建启用对象锁定的存储桶，或指定一个尚不存在的桶名由录制程序创建。",
    ),
    "lock-bucket-missing": (
        "The bucket {place} does not exist and could not be made: {reason}. Make it with Object Lock.",
        "存储桶 {place} 不存在且无法创建：{reason}。请创建并启用对象锁定。",
    ),
    "disk-full": (
        "The disk of {path} has {free_mb} MB free; a hearing needs at least {needed_mb} MB. Make room first.",
        "{path} 所在磁盘仅余 {free_mb} MB；庭审至少需要 {needed_mb} MB。请先清理空间。",
    ),
    "already-running": (
        "A server is running on the data folder {path} already (process {pid}).",
        "数据文件夹 {path} 上已有服务在运行（进程 {pid}）。",
    ),
    "client-missing": (
        "The web pages are not built. Run “make demo” once, or “npm ci && npm run build” in web_client.",
        "网页尚未构建。请先运行一次“make demo”，或在 web_client 中运行“npm ci && npm run build”。",
    ),
    "database-unreachable": ("The database does not answer: {reason}.", "数据库无响应：{reason}。"),
    "bus-unreachable": ("The bus {url} does not answer: {reason}.", "总线 {url} 无响应：{reason}。"),
    "bus-needs-redis": (
        "{command} alone needs a bus that other processes can reach: set HEARING_BUS to redis://…, "
        "or run “hearing serve --all”.",
        "单独运行 {command} 需要其他进程可达的总线：请将 HEARING_BUS 设为 redis://…，或运行“hearing serve --all”。",
    ),
    "store-unreachable": ("The object storage {url} does not answer: {reason}.", "对象存储 {url} 无响应：{reason}。"),
    "file-unreadable": (
        "The file {path} cannot be used: {reason}. Mend it, or name another with {name}.",
        "文件 {path} 无法使用：{reason}。请修复，或用 {name} 另选一个。",
    ),
    "too-few-bytes": ("it holds fewer than {bytes} bytes", "其内容不足 {bytes} 字节"),
    "key-unusable": (
        "The key that seals records cannot be used: {reason}. Restore it, or name another with {name}.",
        "用于封存记录的密钥无法使用：{reason}。请恢复该密钥，或用 {name} 指定其他密钥。",
    ),
    "key-missing": (
        "The key that seals records is not at {path}. Run this beside the recorder, or name the key with {name}.",
        "{path} 没有用于封存记录的密钥。请在录制程序所在处运行，或用 {name} 指定密钥。",
    ),
    "public-key-missing": (
        "The court's public key is not at {path}. Copy it there from the recorder, or name its place with {name}.",
        "{path} 没有法院公钥。请从录制程序所在处复制，或用 {name} 指定其位置。",
    ),
    "public-key-unusable": (
        "The court's public key cannot be read: {reason}. Name it with --public-key.",
        "无法读取法院公钥：{reason}。请用 --public-key 指定。",
    ),
    "record-not-found": ("There is no record in {path}.", "{path} 中没有庭审记录。"),
    "record-not-sealed": ("There is no sealed record of sitting {sitting}.", "庭次 {sitting} 没有已封存的记录。"),
    "folder-exists": ("The folder {path} exists already. Name a new one.", "文件夹 {path} 已存在，请另选一个。"),
    "folder-unwritable": ("The folder {path} cannot be written: {reason}.", "无法写入文件夹 {path}：{reason}。"),
    "export-bar": ("writing the record", "正在写入记录"),
    "exported-less": (
        "Spans of it that are withheld and left out: {count}. statement.json says which, and under which order.",
        "其中不予公开并略去的时段：{count} 处。statement.json 列明各时段及其依据。",
    ),
    "exported": ("Written to {path}: {megabytes} MB.", "已写入 {path}：{megabytes} MB。"),
    "unexpected": ("{command} failed: {reason}. The log has the details.", "{command} 失败：{reason}。详情见日志。"),
    "use-media": ("sound and picture", "音视频"),
    # --- accounts ---
    "account-password": (
        "Type the password, press Enter, type it again. It is not shown.",
        "请输入密码并按回车，然后再输入一次。密码不会显示。",
    ),
    "account-passwords-differ": ("The two passwords differ.", "两次输入的密码不一致。"),
    "account-refused": ("Nothing was done: {reason}", "未作任何更改：{reason}"),
    "account-unknown": ("There is no account {user}.", "没有账号 {user}。"),
    "account-added": ("Account {user} at {court}: {roles}.", "账号 {user}，法院 {court}：{roles}。"),
    "account-disabled": ("Nobody can sign in as {user} any more.", "账号 {user} 已停用。"),
    "account-line": ("{user}  {name}  {roles}", "{user}  {name}  {roles}"),
    "account-line-disabled": ("{user}  {name}  {roles}  (disabled)", "{user}  {name}  {roles}（已停用）"),
    "court-unknown": (
        "There is no court {court}. Add --court-name to make it.",
        "没有法院 {court}。如需新建，请加上 --court-name。",
    ),
    "providers-unusable": (
        "The file of identity providers {path} cannot be used: {reason}. Mend it, or name another with {name}.",
        "身份认证服务文件 {path} 无法使用：{reason}。请修复，或用 {name} 另选一个。",
    ),
    # --- children ---
    "child-died": (
        "The {name} ended unexpectedly ({reason}); starting it again.",
        "{name}意外结束（{reason}），正在重新启动。",
    ),
    "child-died-wait": (
        "The {name} ended unexpectedly ({reason}); starting it again in {delay} s.",
        "{name}意外结束（{reason}），{delay} 秒后重新启动。",
    ),
    "child-silent": (
        "The {name} did not answer within {seconds} s after its start. Its log says why.",
        "{name}启动后 {seconds} 秒内没有响应，原因见其日志。",
    ),
    "child-refused": (
        "The {name} cannot start; the sentence above says why. Nothing was started.",
        "{name}无法启动，原因见上一行。未启动任何程序。",
    ),
    "child-back": ("The {name} is running again.", "{name}已恢复运行。"),
    "media-worker": ("media worker", "媒体进程"),
    "recorder": ("recorder", "记录进程"),
    "by-signal": ("signal {number}", "信号 {number}"),
    "by-code": ("exit code {code}", "退出码 {code}"),
    "stopping": ("Stopping. Press Ctrl-C again to stop at once.", "正在停止。再按一次 Ctrl-C 立即停止。"),
    "stopped": (
        "Stopped. The data stays in {path}; the same command goes on with it.",
        "已停止。数据保存在 {path}，再次运行同一命令即可继续。",
    ),
    "serving": ("The hearing server is ready: {url}", "庭审服务已就绪：{url}"),
    # --- demo ---
    "step-folder": ("Data folder", "数据文件夹"),
    "step-certificates": ("Certificates", "证书"),
    "step-server": ("Server and database", "服务与数据库"),
    "step-worker": ("Media worker", "媒体进程"),
    "step-recorder": ("Recorder", "记录进程"),
    "step-hearing": ("Demo hearing", "演示庭审"),
    "demo-title": ("Case {case_number}: the hearing is ready.", "案号 {case_number}：庭审已就绪。"),
    "demo-links": (
        "Open each link in a window of its own; a link seats one device at a time.",
        "请分别在不同窗口打开各链接；每个链接同一时间只能用于一台设备。",
    ),
    "demo-link": ("  {role:<18} {link}", "  {role:　<6} {link}"),
    "demo-accounts": (
        "Staff sign in at {url} (user name and password):",
        "工作人员登录地址：{url}（用户名与密码）：",
    ),
    "demo-phone": (
        "To join from a phone in the same network, as the claimant, scan this code:",
        "如需用同一网络中的手机以原告身份加入，请扫描此码：",
    ),
    "demo-phone-certificate": (
        "The phone will warn once, because the certificate was made on this computer. Go on, or first install {url}",
        "证书由本机签发，手机会提示一次。可继续访问，或先安装 {url}",
    ),
    "demo-no-network": (
        "This computer has no network address, so a phone cannot join now.",
        "本机没有网络地址，手机暂时无法加入。",
    ),
    "demo-stop": ("Press Ctrl-C to stop.", "按 Ctrl-C 停止。"),
    "role-judge": ("Judge", "审判长"),
    "role-clerk": ("Clerk", "书记员"),
    "role-claimant": ("Claimant", "原告"),
    "role-lawyer": ("Claimant's counsel", "原告代理人"),
    "role-respondent": ("Respondent", "被告"),
    "role-witness": ("Witness", "证人"),
    "role-interpreter": ("Interpreter", "翻译"),
    "role-observer": ("Observer", "旁听"),
    # --- doctor ---
    "check-python": ("Python", "Python"),
    "check-python-ok": ("{version}", "{version}"),
    "check-python-bad": ("{version}; 3.11 or newer is needed", "{version}；需要 3.11 或更新版本"),
    "check-ffmpeg": ("ffmpeg", "ffmpeg"),
    "check-plain": ("{text}", "{text}"),
    "check-failed": ("does not work: {reason}", "不可用：{reason}"),
    "check-data": ("Data folder", "数据文件夹"),
    "check-data-ok": ("{path}, {free_gb} GB free", "{path}，可用 {free_gb} GB"),
    "check-ports": ("Ports", "端口"),
    "check-ports-ok": ("{ports} free", "{ports} 可用"),
    "check-ports-running": ("in use by the server that runs on this data folder", "由本数据文件夹上运行的服务占用"),
    "check-hot-path": ("Path of the packets", "数据包通路"),
    "check-record-path": ("Path of the record", "记录通路"),
    "check-hot-path-native": ("compiled", "已编译"),
    "check-hot-path-python": ("Python, slower; the compiled one: {reason}", "Python（较慢）；编译版本：{reason}"),
    "check-database": ("Database", "数据库"),
    "check-database-ok": ("{kind} answers", "{kind} 有响应"),
    "check-bus": ("Bus", "总线"),
    "check-bus-embedded": ("embedded, needs nothing", "内置，无需其他服务"),
    "check-bus-ok": ("Redis {version} answers", "Redis {version} 有响应"),
    "check-store": ("Object storage", "对象存储"),
    "check-store-none": ("{url}: written and read back; not locked", "{url}：写入并读回成功；未锁定"),
    "check-store-files": (
        "{url}: written and read back; locked by read-only files, which whoever is root there can undo",
        "{url}：写入并读回成功；以只读文件锁定，该机管理员仍可解除",
    ),
    "check-store-compliance": (
        "{url}: written and read back; locked by Object Lock in compliance mode",
        "{url}：写入并读回成功；已由对象锁定（合规模式）保护",
    ),
    "check-certificates": ("Certificates", "证书"),
    "check-certificates-ok": ("valid until {until}, for {names}", "有效期至 {until}，适用于 {names}"),
    "check-certificates-none": ("made at the first start", "首次启动时生成"),
    "check-certificates-expired": ("expired on {until}", "已于 {until} 过期"),
    "check-record": ("Test recording", "录音测试"),
    "check-record-ok": (
        "{worker}: a tone came back from the archive, in {seconds} s",
        "{worker}：测试音已从档案中播放，用时 {seconds} 秒",
    ),
    "check-record-bad": ("{worker}: failed at step {step}: {problem}", "{worker}：在 {step} 一步失败：{problem}"),
    "check-record-full": ("{worker}: not tested, it has no room", "{worker}：未测试，已满"),
    "check-record-none": ("no media worker is heard; does the court run?", "没有媒体服务响应；系统是否在运行？"),
    "check-record-busy": ("one is being made already", "已有一项正在进行"),
    "check-client": ("Web pages", "网页"),
    "check-client-ok": ("built", "已构建"),
}


#: The exit code of a process that met a fault.
FAULT_CODE = 2


class Fault(Exception):
    """Something the person at the terminal can mend; said as one sentence in their language."""

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(say(key, "en", **values))
        self.key = key
        self.values = values

    def sentence(self, locale: Locale) -> str:
        return say(self.key, locale, **self.values)


class Word:
    """A value of a sentence that itself depends on the language."""

    def __init__(self, key: str, /, **values: object) -> None:
        self.key = key
        self.values = values


def say(key: str, locale: Locale, /, **values: object) -> str:
    english, chinese = WORDS[key]
    spoken = {
        name: say(value.key, locale, **value.values) if isinstance(value, Word) else value
        for name, value in values.items()
    }
    return (chinese if locale == "zh-CN" else english).format(**spoken)


def locale_of(environ: Mapping[str, str] | None = None) -> Locale:
    """The terminal's language: ``HEARING_LANG``, or the POSIX variables in their order; English if it is neither."""
    environ = os.environ if environ is None else environ
    for name in ("HEARING_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name, ""):
            return "zh-CN" if value.lower().startswith("zh") else "en"
    return "en"
