"""What a person is told when something cannot be done: one sentence per code, in English and Simplified Chinese.

The codes are stable and stand in docs/protocol.md.  Words: shared by the client's style (plain, present, short; what is
so, then what to do).
"""

from __future__ import annotations

from typing import Literal

Locale = Literal["en", "zh-CN"]

#: Code to (English, Simplified Chinese).
SENTENCES: dict[str, tuple[str, str]] = {
    # --- the law of the room ---
    "unknown-command": ("The court does not know this command.", "法庭没有这项指令。"),
    "not-allowed": ("Your role in this hearing does not allow this.", "您在本次庭审中的身份无权进行此操作。"),
    "not-presiding": ("Only the presiding judge can do this.", "只有审判长可以进行此操作。"),
    "conflict": (
        "The hearing has moved on since you saw it. Look at it as it is now, then decide again.",
        "庭审状态已发生变化。请查看当前状态后再作决定。",
    ),
    "unknown-person": ("This person does not belong to this hearing.", "此人不属于本次庭审。"),
    "stream-state": (
        "The stream is at a stage at which this cannot be done. It is announced first, then started.",
        "直播当前所处阶段不能进行此操作。须先告知，再开始。",
    ),
    "stream-excluded": (
        "Cases of this kind are not streamed. Give the reasons for making an exception.",
        "此类案件不予直播，如需例外请说明理由。",
    ),
    "stream-never": ("Cases of this kind are never streamed.", "此类案件一律不得直播。"),
    "category-missing": ("Say first what kind of case this is.", "请先选择案件类别。"),
    "category-unknown": ("The court's rules do not know this kind of case.", "法庭规则中没有该案件类别。"),
    "objected-already": ("Your objection is on the record already.", "您的异议已记录在案。"),
    "hearing-not-closed": (
        "The hearing is not closed yet. What is written of it is signed after that.",
        "庭审尚未闭庭，笔录须在闭庭后签名。",
    ),
    "transcript-state": (
        "The written record is at a stage at which this cannot be done. Look at it as it is now.",
        "笔录当前所处阶段不能进行此操作，请查看其当前状态。",
    ),
    "signature-state": (
        "You have signed this record already, or are not asked to.",
        "您已在该笔录上签名，或无须签名。",
    ),
    "not-asked-to-sign": ("You are not asked to sign this record.", "该笔录无须您签名。"),
    "text-changed": (
        "The text has changed since you read it. Read it as it is now, then decide again.",
        "您阅读之后文本已有改动，请阅读当前文本后再作决定。",
    ),
    "record-not-sealed": (
        "The record of sound and picture is not sealed yet. What is signed has to cover it.",
        "录音录像尚未封存，签名须涵盖该记录。",
    ),
    "signature-wrong": (
        "The signature of this device does not fit what was to be signed. Load the page again and sign once more.",
        "本设备的签名与待签内容不符，请重新加载页面后再次签名。",
    ),
    "correction-unknown": (
        "There is no such request for a correction, or it has been answered.",
        "没有该项更正申请，或已作出答复。",
    ),
    "too-many-corrections": (
        "This record has no room for more requests for a correction.",
        "该笔录的更正申请已达上限。",
    ),
    "artefact-state": (
        "This part of the record is at a stage at which this cannot be done.",
        "该部分记录当前所处阶段不能进行此操作。",
    ),
    "hash-differs": (
        "What was read back differs from what was captured. It is stored again.",
        "读回内容与采集内容不一致，将重新存储。",
    ),
    "retention-unknown": (
        "It is not known yet how long this has to be kept.",
        "尚未确定保管期限。",
    ),
    "retention-runs": (
        "This has to be kept for longer. Nothing of it can be destroyed before.",
        "保管期限未满，在此之前不得销毁任何内容。",
    ),
    "retention-shorter": (
        "What is kept can be kept for longer, never for less time.",
        "保管期限只能延长，不能缩短。",
    ),
    "legal-hold": (
        "An order keeps this, whatever its time.",
        "依据命令应予保留，不受保管期限限制。",
    ),
    "not-held": ("No order holds this.", "没有保留命令。"),
    "not-marked": ("Somebody has to mark this for destruction first.", "须先由一人提出销毁。"),
    "same-person": (
        "Another person has to approve what you have marked.",
        "您提出的销毁须由另一人批准。",
    ),
    "order-missing": ("Give the reference of the order.", "请填写命令文号。"),
    "sitting-closed": ("The hearing is closed.", "庭审已闭庭。"),
    "not-started": ("The hearing has not started yet.", "庭审尚未开始。"),
    "countdown-running": ("The hearing is about to start. Wait for the countdown.", "庭审即将开始，请等待倒计时结束。"),
    "already-started": ("The hearing has started already.", "庭审已经开始。"),
    "judge-not-ready": (
        "The presiding judge has to finish the check first.",
        "审判长须先完成入庭检查。",
    ),
    "record-not-running": ("The record is not running yet.", "庭审记录尚未开始。"),
    "wrong-record-state": ("The record does not allow this now.", "当前记录状态不允许此操作。"),
    "wrong-place": ("This cannot be done from where you are now.", "您当前所在位置无法进行此操作。"),
    "person-not-waiting": (
        "This person is not in the waiting room, so they cannot be called.",
        "此人不在候庭室，无法请其入庭。",
    ),
    "person-not-in-hearing": ("This person is not in the hearing room.", "此人不在庭审中。"),
    "person-away": (
        "This person has lost the connection. Their place is kept.",
        "此人连接中断，其席位予以保留。",
    ),
    "judge-stays": ("The presiding judge cannot be dismissed.", "审判长不能被请退庭。"),
    "seat-held": ("The seat is still kept for this person.", "此人的席位仍在保留中。"),
    "declaration-missing": (
        "Make the declaration first: tick each line.",
        "请先作出声明：逐项勾选。",
    ),
    "may-not-publish": (
        "You attend this hearing as an observer. You can watch, and nobody sees or hears you.",
        "您以旁听身份参加庭审。您可以观看，他人看不到也听不到您。",
    ),
    "source-not-allowed": ("Your role cannot show this kind of picture.", "您的身份不能出示此类画面。"),
    "needs-grant": ("This needs the judge's permission, which you do not have.", "此操作须经审判长准许，您尚未获准。"),
    "in-recess": ("The hearing is in recess.", "庭审正在休庭。"),
    "is-suspended": ("The hearing is suspended for a technical reason.", "庭审因技术原因中止。"),
    "in-deliberation": ("The court is deliberating.", "合议庭正在评议。"),
    "reason-missing": ("Give a reason.", "请说明理由。"),
    "ground-unlawful": (
        "This ground is not one that the court's rules know. Choose another.",
        "法庭规则中没有该事由，请另选。",
    ),
    "off-record-unlawful": ("This court may not sit without a record.", "本院庭审不得没有记录。"),
    "incident-missing": (
        "State first what happened to the record. Then the hearing can go on.",
        "请先就记录故障作出书面说明，之后庭审方可继续。",
    ),
    "no-incident": ("Nothing happened to the record that needs a statement.", "记录没有需要说明的故障。"),
    "last-host": (
        "Nobody else could preside. Call a recess before you leave.",
        "没有其他人可以主持庭审。离席前请先宣布休庭。",
    ),
    "doors-closed": ("The court is sitting in private.", "法庭正在不公开审理。"),
    "doors-open": ("The court is sitting in public already.", "法庭已在公开审理。"),
    "no-direction": ("The judge has not yet given a direction that lets observers in.", "审判长尚未准许旁听。"),
    "person-removed": (
        "The judge has sent this person away. Only the judge can let them return.",
        "此人已被责令退出，须经审判长准许方可返回。",
    ),
    "person-not-removed": ("This person has not been sent away.", "此人并未被责令退出。"),
    "never-enters": ("Technical staff do not enter the hearing.", "技术人员不进入庭审。"),
    "sent-out": ("The judge has sent you to the waiting room. Wait to be called.", "您已被请至候庭室，请等候传唤。"),
    "interpreter-not-ready": ("This person's interpreter is not in the waiting room yet.", "此人的翻译尚未到候庭室。"),
    "identity-missing": ("This person's identity has to be verified today first.", "须先于今日核实此人身份。"),
    "identity-challenged": (
        "This person's identity is in doubt. Staff have to verify it first.",
        "此人身份存疑，须先由工作人员核实。",
    ),
    "in-person-required": ("The judge has ordered this person to appear in person.", "审判长已责令此人到庭核实。"),
    "wrong-identity-state": (
        "This person's identity has been settled in another way.",
        "此人的身份状态不允许此操作。",
    ),
    "not-oneself": ("Somebody else has to do this for you.", "此操作须由他人办理。"),
    "consent-missing": ("A party has not agreed to hold this stage online.", "当事人尚未同意在线进行该环节。"),
    "consent-not-needed": ("This person's consent is not needed.", "无需征得此人同意。"),
    "wrong-consent-state": (
        "This consent has been answered already, or was not asked for.",
        "该同意事项已答复或尚未征询。",
    ),
    "stage-unknown": ("The hearing has no such stage.", "庭审没有该环节。"),
    "stage-begun": (
        "This stage has begun, so consent to it can no longer be withdrawn.",
        "该环节已经开始，不能再撤回同意。",
    ),
    "room-not-open": ("The judges' room is not open now.", "合议室目前未开放。"),
    "needs-leave-to-consult": (
        "Ask the judge first: during the hearing a private talk needs leave.",
        "庭审期间私下交谈须先经审判长准许。",
    ),
    "under-oath": (
        "You are giving evidence and cannot talk in private until you are released.",
        "您正在作证，在获准退庭前不能私下交谈。",
    ),
    "not-to-be-invited": ("This person cannot be invited to this private room.", "不能邀请此人进入该私密会谈。"),
    "other-side": ("You can invite only people of your own side.", "您只能邀请己方人员。"),
    "not-linked": (
        "You can talk in private only with the people you interpret for.",
        "您只能与您所服务的人员私下交谈。",
    ),
    "consultation-full": ("This private room is full.", "该私密会谈人数已满。"),
    "cannot-join": ("You cannot join this private room.", "您不能加入该私密会谈。"),
    "already-invited": ("This person is invited or in the room already.", "此人已受邀或已在会谈中。"),
    "not-invited": ("You have not been invited, or the invitation was withdrawn.", "您未受到邀请，或邀请已撤回。"),
    "wrong-consultation-state": ("This private room is locked or has ended.", "该私密会谈已锁定或已结束。"),
    "never-heard": ("This person is neither seen nor heard in this hearing.", "此人在庭审中不出声也不出镜。"),
    "muted-by-court": ("The court has muted you. Raise your hand to speak.", "法庭已将您静音。如需发言请举手。"),
    "not-muted": ("This person is not muted.", "此人未被静音。"),
    "no-hand": ("This person has not raised a hand.", "此人没有举手。"),
    "not-inside": ("You are not in the hearing room.", "您不在庭审中。"),
    "not-grantable": ("This cannot be permitted to this person.", "不能准许此人进行此操作。"),
    "not-granted": ("This person has no such permission.", "此人没有该项准许。"),
    "note-private-only": ("Your notes are private.", "您的笔录仅限本人查看。"),
    "too-many-objections": ("Too many objections wait for a ruling.", "待裁定的异议过多。"),
    "objection-unknown": ("This objection has been ruled on, or was not raised.", "该异议已裁定或不存在。"),
    "needs-floor": ("Only the person who has the floor can present this.", "只有正在发言的人可以出示。"),
    "exhibit-unknown": ("There is no such exhibit here for you to show.", "没有可供您出示的该项证据。"),
    "page-unknown": ("The exhibit has no such page.", "该证据没有该页。"),
    "no-exhibit": ("No exhibit is being shown.", "目前没有出示证据。"),
    "not-presenting": ("Somebody else presents this exhibit.", "该证据由他人出示。"),
    "not-an-interpreter": ("This person is not an interpreter.", "此人不是翻译。"),
    "language-unknown": ("There is no interpretation into this language here.", "此处没有该语种的传译。"),
    "person-present": ("This person has not left the hearing.", "此人没有离庭。"),
    "prompt-first": ("Prompt this person to return first.", "请先提示此人返回。"),
    "warn-first": ("Warn this person first.", "请先向此人发出警告。"),
    "nothing-asked": ("Nobody has asked for this.", "无人提出此请求。"),
    "task-unknown": ("This task is closed already.", "该事项已处理完毕。"),
    "person-known": ("This person belongs to this hearing already.", "此人已在本次庭审中。"),
    "too-many-people": ("This hearing cannot take more people.", "本次庭审人数已达上限。"),
    "one-judge-only": (
        "A hearing has one presiding judge, and only panel members can be deputies.",
        "每次庭审只有一名审判长，且仅合议庭成员可代行。",
    ),
    "relations-contradict": (
        "A person cannot be linked to somebody they are screened from.",
        "不能将此人与须隔离的人相关联。",
    ),
    "court-unscreened": ("Nobody can be screened from the court itself.", "不能将任何人与法庭人员相隔离。"),
    "not-of-the-panel": ("Only a member of the panel can take over the chair.", "只有合议庭成员可以接任审判长。"),
    "not-checked-in": ("Join the hearing first.", "请先加入庭审。"),
    "displaced": (
        "Your seat is now used on another device or in another window. This page is disconnected.",
        "您的席位已在另一台设备或另一窗口使用。本页面已断开。",
    ),
    "removed": (
        "The judge has sent you away from this hearing. Only the judge can let you return.",
        "审判长已责令您退出庭审，须经审判长准许方可返回。",
    ),
    "closed": ("The court has closed the hearing. You can leave this page.", "法庭已闭庭。您可以离开本页面。"),
    "left": ("You have left the hearing.", "您已离开庭审。"),
    "too-many": ("That was too often. Wait a few seconds, then try again.", "操作过于频繁。请稍候几秒再试。"),
    "busy": ("The court is busy. Try again in a few seconds.", "系统繁忙。请几秒后重试。"),
    "restarting": ("The court's server is restarting. Stay on this page.", "法庭服务正在重启。请停留在本页面。"),
    # --- links and seats ---
    "link-unknown": (
        "This link is not valid. Check that you have the whole link, or call the court.",
        "此链接无效。请确认链接完整，或致电法庭。",
    ),
    "link-expired": ("This link has expired. Call the court for a new one.", "此链接已过期。请致电法庭获取新链接。"),
    "link-revoked": (
        "The court has withdrawn this link. Call the court for a new one.",
        "法庭已撤销此链接。请致电法庭获取新链接。",
    ),
    "link-used-up": (
        "This link cannot be used any more: the hearing is over, or the link was used on too many devices. "
        "Call the court.",
        "此链接已不能使用：庭审已结束，或链接已在过多设备上使用。请致电法庭。",
    ),
    "seat-unknown": ("Open your personal link first.", "请先打开您的个人链接。"),
    "seat-displaced": (
        "Your seat is now used on another device. Open your link again to continue here.",
        "您的席位已在另一台设备上使用。如需在此继续，请重新打开您的链接。",
    ),
    "seat-ended": (
        "You have left this seat. Open your link again to return.",
        "您已离席。如需返回，请重新打开您的链接。",
    ),
    # --- accounts ---
    "sign-in-needed": ("Sign in first.", "请先登录。"),
    "sign-in-refused": (
        "The user name or the password is not right. Check both, or ask the court's administrator.",
        "用户名或密码不正确。请核对，或联系法院管理员。",
    ),
    "sign-in-expired": ("That took too long. Sign in again.", "登录已超时。请重新登录。"),
    "account-unknown": (
        "You have no account at this court. Ask the court's administrator.",
        "您在本法院没有账号。请联系法院管理员。",
    ),
    "account-exists": ("There is an account with this user name already.", "该用户名已有账号。"),
    "last-administrator": (
        "The court would be left without an administrator. Name another one first.",
        "法院将没有管理员。请先指定另一位管理员。",
    ),
    "password-wrong": ("Your present password is not right.", "当前密码不正确。"),
    "password-weak": (
        "Choose a new password of at least 15 characters, without your user name.",
        "请设置至少 15 个字符且不含用户名的新密码。",
    ),
    "password-must-change": ("Choose a password of your own first.", "请先设置您自己的密码。"),
    "passkey-refused": (
        "This passkey was not accepted. Try again, or sign in with your password.",
        "通行密钥未被接受。请重试，或使用密码登录。",
    ),
    "passkey-unavailable": (
        "Passkeys work only where the server has a name. Sign in with your password.",
        "仅当服务器使用域名时才能使用通行密钥。请使用密码登录。",
    ),
    "too-many-passkeys": ("You have too many passkeys. Remove one first.", "通行密钥过多。请先删除一个。"),
    "provider-unreachable": (
        "The identity provider does not answer now. Try again, or sign in another way.",
        "身份认证服务暂时没有响应。请重试，或使用其他方式登录。",
    ),
    "provider-refused": (
        "The identity provider's answer cannot be trusted. Ask the court's administrator.",
        "身份认证服务的应答不可信。请联系法院管理员。",
    ),
    # --- booking ---
    "booking-incomplete": (
        "A booking needs a time and at least one party.",
        "预约须有时间和至少一方当事人。",
    ),
    "booking-state": (
        "The booking does not allow this now. Look at it as it is now.",
        "预约的当前状态不允许此操作。请查看最新状态。",
    ),
    "host-missing": ("A hearing needs one presiding judge.", "庭审须有一名审判长。"),
    "recording-needed": (
        "A hearing with an interpreter is always recorded.",
        "有翻译参加的庭审必须录制。",
    ),
    "recording-fixed": (
        "Whether the hearing is recorded was settled when it was confirmed.",
        "是否录制在确认预约时已确定，不能更改。",
    ),
    "too-late": (
        "Within 30 minutes of the start a confirmed hearing is not changed; people can still be added.",
        "开庭前 30 分钟内不得变更已确认的庭审，但可以增加人员。",
    ),
    "day-begun": (
        "Something has been done on one of these days already, so it stays in the booking.",
        "其中一天已有记录，不能从预约中删除。",
    ),
    "person-unfit": (
        "One of the people does not fit: check role, links to others, user, e-mail and telephone.",
        "有人员信息不符：请检查身份、关联人员、用户名、邮箱和电话。",
    ),
    "email-unfit": (
        "This is no e-mail address: it has one @ and a name with a dot behind it. Check it.",
        "邮箱地址有误：应有一个 @，其后为带点的域名。请核对。",
    ),
    "phone-unfit": (
        "This is no telephone number: it has 3 to 15 digits and no letters. Check it.",
        "电话号码有误：应为 3 至 15 位数字，不含字母。请核对。",
    ),
    "user-unknown": ("There is no account of this user name in this court.", "本法院没有该用户名的账号。"),
    # --- arrival ---
    "observers-not-allowed": (
        "The judge has not directed that this hearing may be observed.",
        "法官尚未准许旁听本次庭审。",
    ),
    "picture-unreadable": (
        "This is no picture that can be read. Send a JPEG, PNG or WebP picture.",
        "无法读取该图片。请上传 JPEG、PNG 或 WebP 格式的图片。",
    ),
    "too-many-documents": (
        "You have sent as many pictures as can be kept. Call the court if one has to be replaced.",
        "图片数量已达上限。如需更换，请致电法庭。",
    ),
    # --- exhibits ---
    "file-empty": (
        "This file is empty: it has 0 bytes. Look whether it opens on your device, and choose it again.",
        "该文件为空（0 字节）。请确认文件能在您的设备上打开，再重新选择。",
    ),
    "exhibit-unfit": (
        "This file cannot be an exhibit. Send a PDF, a picture (JPEG, PNG, WebP), or a sound or video file.",
        "该文件不能作为证据。请上传 PDF、图片（JPEG、PNG、WebP）或浏览器可播放的音视频。",
    ),
    "exhibit-shown": (
        "This exhibit has been shown to the court, so it stays.",
        "该证据已在庭上出示，不能删除。",
    ),
    "too-many-exhibits": ("This hearing has as many exhibits as it can have.", "本次庭审的证据数量已达上限。"),
    # --- requests ---
    "not-found": ("There is nothing here. Check the address.", "此处没有内容。请检查地址。"),
    "method-not-allowed": ("This address does not take that kind of request.", "该地址不接受此类请求。"),
    "invalid": ("The request cannot be read.", "无法读取该请求。"),
    "too-large": ("The request is too large.", "请求过大。"),
    "upload-slow": (
        "The file stopped on its way, or came in too slowly, and nothing of it was kept. Send it again.",
        "文件传输中断或过慢，未保留任何内容。请重新发送。",
    ),
    "uploads-own": (
        "You are sending as many files as you can at a time. Wait until one of them has arrived.",
        "您同时发送的文件已达上限，请等待其中一个传输完成。",
    ),
    "uploads-many": (
        "The court's server is taking in as many files as it can. Try again in a minute.",
        "法庭服务器同时接收的文件已达上限，请一分钟后重试。",
    ),
    "origin-refused": ("This request comes from another site and is refused.", "该请求来自其他网站，已被拒绝。"),
    "range-refused": ("This part of the file does not exist.", "文件中没有该部分。"),
    "client-missing": (
        "The pages of this server are not built. Call technical staff.",
        "服务器网页尚未构建。请联系技术人员。",
    ),
    # --- the record ---
    "record-not-ready": (
        "The record is being sealed. It can be played in a few seconds.",
        "记录正在封存，几秒后即可播放。",
    ),
    "record-withheld": (
        "Parts of this record are withheld from you. An export encloses the court's public version.",
        "本记录的部分内容不对您公开。导出文件附有法院的公开版。",
    ),
    "written-withheld": (
        "Parts of what is written are withheld from you under an order. The signed document holds them and cannot be "
        "shortened, so it is not given to you.",
        "笔录的部分内容依据决定不对您公开。签名文件包含该内容且不能删减，因此不予提供。",
    ),
    "level-span": ("The end must lie after the beginning.", "结束时间必须晚于开始时间。"),
    "level-many": ("Too many parts of this record are withheld already.", "本记录不予公开的时段已达上限。"),
    "level-decided": ("This has been decided or taken back already.", "该申请已作出决定或已撤回。"),
    "level-lifted": ("This part is not withheld any more.", "该时段已不再限制。"),
    "level-nothing": ("Nothing of this record is withheld.", "本记录没有不予公开的时段。"),
    "part-empty": ("Choose a part of the record first.", "请先选择记录的一部分。"),
    "record-hidden": (
        "The records custodian has hidden this record. Ask the court's records office.",
        "档案管理员已将该记录设为不可见。请联系法院档案部门。",
    ),
    "record-destroyed": (
        "This record was destroyed when its retention was over. The certificate is with the court's records office.",
        "该记录已在保管期满后依规销毁。销毁证明由法院档案部门保存。",
    ),
    # --- recordings added to a record ---
    "added-already": (
        "This very file is there already, as a version of this recording. Nothing was changed.",
        "完全相同的文件已作为该录音录像的一个版本存在，未作任何更改。",
    ),
    "added-unfit": (
        "This file does not play in a browser. Add MP4 or WebM pictures, or MP3, M4A, WAV or OGG sound.",
        "此文件无法在浏览器中播放。请添加 MP4、WebM 录像，或 MP3、M4A、WAV、OGG 录音。",
    ),
    "added-withheld": (
        "Parts of this record are withheld from you, and added recordings with them.",
        "本记录的部分内容不对您公开，补充录音录像也一并不予公开。",
    ),
    "too-many-added": ("No more recordings can be added to this record.", "该记录的补充录音录像已达上限。"),
    # --- shares of a record ---
    "mail-missing": (
        "This court's server sends no e-mail, so a record cannot be shared. Call technical staff.",
        "本法院服务器未设置电子邮件，无法共享记录。请联系技术人员。",
    ),
    "too-many-shares": ("This record has been shared as often as it can be.", "该记录的共享次数已达上限。"),
    "share-expired": (
        "This link has expired. Ask the court for another, if you still need the recording.",
        "此链接已过期。如仍需观看录像，请向法院重新申请。",
    ),
    "share-revoked": ("The court has withdrawn this link.", "法院已撤销此链接。"),
    "share-proof-needed": (
        "Have a code sent to your address first, then enter it here.",
        "请先获取发送到您邮箱的验证码，再在此输入。",
    ),
    "share-code-wrong": (
        "This code does not work: it is wrong, too old, or was tried too often. Have a new one sent.",
        "验证码无效：输入有误、已过期或尝试次数过多。请重新获取。",
    ),
    "share-code-soon": (
        "A code went out less than half a minute ago. Look for it, also among unwanted mail.",
        "半分钟内已发送过验证码。请查收邮件，包括垃圾邮件箱。",
    ),
    "share-codes-used-up": (
        "As many codes were sent for this link as can be in a day. Ask the court to send you another link.",
        "此链接一天内可发送的验证码已达上限。请联系法院重新发送链接。",
    ),
    # --- custody ---
    "custody-destroyed": ("This record is destroyed, or is being destroyed.", "该记录已销毁或正在销毁。"),
    "custody-not-closed": (
        "The hearing is not over yet. Its custody is decided after the last sitting.",
        "庭审尚未全部结束，须在最后一次开庭结束后再作决定。",
    ),
    "custody-date": ("This day does not fit. Check it.", "日期不符合要求，请核对。"),
    "disk-short": (
        "The disk for recordings is nearly full, so no hearing is opened now. Call technical staff.",
        "录制磁盘即将写满，暂不能开庭。请联系技术人员。",
    ),
    "record-missing": ("There is no record of this hearing.", "本次庭审没有记录。"),
    "record-unavailable": (
        "The record's storage does not answer now. Nothing is lost. Try again in a minute.",
        "记录存储暂时没有响应，记录没有丢失。请一分钟后重试。",
    ),
    "test-running": (
        "The recording is being tested already. Wait for what comes of it.",
        "录音测试正在进行，请等待结果。",
    ),
    "no-media-worker": (
        "No media worker answers now, so the recording cannot be tested. Call technical staff.",
        "媒体服务暂时没有响应，无法测试录音。请联系技术人员。",
    ),
    "recorder-unavailable": (
        "The recorder does not answer now. Nothing is lost; the work goes on when it is back.",
        "记录进程暂时没有响应，记录没有丢失，恢复后将继续处理。",
    ),
    "no-record": (
        "The record could not be started, so the hearing did not start. Try again, or call technical staff.",
        "记录未能启动，因此庭审没有开始。请重试，或联系技术人员。",
    ),
    "no-judge": (
        "The presiding judge was not connected when the countdown ended, so the hearing did not start.",
        "倒计时结束时审判长未在线，因此庭审没有开始。",
    ),
    "record-failed": (
        "The record has failed, so the court has suspended the hearing.",
        "记录发生故障，法庭已中止庭审。",
    ),
    "judge-absent": (
        "The presiding judge has been disconnected for too long, so the court has suspended the hearing.",
        "审判长断线时间过长，法庭已中止庭审。",
    ),
    "not-closed": ("Nobody closed the hearing, so the court closed it.", "无人宣布闭庭，系统已自动闭庭。"),
    # --- the court's own trouble ---
    "store-unreachable": (
        "The court's database does not answer now. Nothing is lost. Try again in a minute.",
        "法庭数据库暂时没有响应，数据没有丢失。请一分钟后重试。",
    ),
    "store-not-writable": (
        "The court's database cannot be written. Call technical staff.",
        "法庭数据库无法写入。请联系技术人员。",
    ),
    "store-full": ("The court's disk is full. Call technical staff.", "法庭服务器磁盘已满。请联系技术人员。"),
    "store-schema": (
        "The court's database belongs to a newer version of this software.",
        "法庭数据库属于本软件的更新版本。",
    ),
    "store-failed": (
        "The court's database reports an error. Call technical staff.",
        "法庭数据库出错。请联系技术人员。",
    ),
    "unexpected": (
        "Something went wrong on the court's side. It has been noted. Try again.",
        "法庭系统出现问题，已记录。请重试。",
    ),
}


def sentence(code: str, locale: str) -> str:
    """The sentence of a code; that of ``unexpected`` for a code that is none of ours."""
    english, chinese = SENTENCES.get(code, SENTENCES["unexpected"])
    return chinese if locale == "zh-CN" else english
