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
    "not-checked-in": ("Join the hearing first.", "请先加入庭审。"),
    "displaced": (
        "Your seat is now used on another device or in another window. This page is disconnected.",
        "您的席位已在另一台设备或另一窗口使用。本页面已断开。",
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
    # --- requests ---
    "not-found": ("There is nothing here. Check the address.", "此处没有内容。请检查地址。"),
    "method-not-allowed": ("This address does not take that kind of request.", "该地址不接受此类请求。"),
    "invalid": ("The request cannot be read.", "无法读取该请求。"),
    "too-large": ("The request is too large.", "请求过大。"),
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
    "record-missing": ("There is no record of this hearing.", "本次庭审没有记录。"),
    "record-unavailable": (
        "The record's storage does not answer now. Nothing is lost. Try again in a minute.",
        "记录存储暂时没有响应，记录没有丢失。请一分钟后重试。",
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
